"""The verbs on products."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog, lock_chain
from modelyard.db import Database
from modelyard.errors import Conflict, NotFound, Precondition
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.revision import check_revision
from modelyard.subscriptions import store
from modelyard.subscriptions.domain import Product, validate_id
from modelyard.subscriptions.known import KnownTargets, check_api
from modelyard.subscriptions.limits import Limits


class Products:
    """Products of all tenants."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog, known: KnownTargets) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._known = known

    def create(
        self,
        principal: Principal,
        *,
        product_id: str,
        display_name: str,
        description: str,
        api_ids: Sequence[str],
        is_open: bool,
        limits: Limits,
    ) -> Product:
        """A new product.

        Raises:
            Invalid: code `id_invalid` or `api_unknown`.
            Conflict: code `product_exists`.
        """
        now = self._clock.now()
        product = Product(
            product_id=validate_id(product_id, field="product_id"),
            tenant_id=principal.tenant_id,
            display_name=display_name,
            description=description,
            api_ids=tuple(sorted(set(api_ids))),
            is_open=is_open,
            limits=limits,
            created_by=principal.subject,
            created_at=now,
            updated_at=now,
            revision=1,
        )
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            self._check_apis(connection, principal, api_ids)
            if store.find_product(connection, principal.tenant_id, product_id) is not None:
                raise Conflict(f"there is a product '{product_id}' already", code="product_exists")
            store.add_product(connection, product)
            self._record(connection, principal, "product.created", product, after=_audit_fields(product))
        return product

    def get(self, principal: Principal, product_id: str) -> Product:
        """One product.

        Raises:
            NotFound: code `product_not_found`.
        """
        with self._database.read() as connection:
            return self.within(connection, principal, product_id)

    @staticmethod
    def within(connection: Connection, principal: Principal, product_id: str) -> Product:
        """One product, in the caller's transaction.

        Raises:
            NotFound: code `product_not_found`.
        """
        product = store.find_product(connection, principal.tenant_id, product_id)
        if product is None:
            raise NotFound(f"there is no product '{product_id}'", code="product_not_found")
        return product

    def page(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[Product]:
        """The tenant's products by id."""
        with self._database.read() as connection:
            return store.page_of_products(connection, principal.tenant_id, limit=limit, cursor=cursor)

    def change(self, principal: Principal, product_id: str, *, revision: int | None, **wanted: Any) -> Product:
        """Change what is named: `display_name`, `description`, `api_ids`, `is_open`, `limits`.

        Raises:
            NotFound: code `product_not_found`.
            Invalid: code `api_unknown`.
            Precondition: code `revision_changed`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            if "api_ids" in wanted:
                self._check_apis(connection, principal, wanted["api_ids"])
                wanted["api_ids"] = tuple(sorted(set(wanted["api_ids"])))
            before = self.within(connection, principal, product_id)
            check_revision(revision, before.revision, subject=before.subject)
            after = replace(before, **wanted)
            if after == before:
                return before
            values = {**wanted, "updated_at": self._clock.now()}
            if "limits" in wanted:
                values["limits"] = after.limits.to_json()
            if "api_ids" in wanted:
                values["api_ids"] = list(after.api_ids)
            if not store.change_product(connection, before, **values):
                raise Precondition("the product was changed by somebody else", code="revision_changed")
            self._record(
                connection,
                principal,
                "product.changed",
                before,
                before=_audit_fields(before),
                after=_audit_fields(after),
            )
            return self.within(connection, principal, product_id)

    def delete(self, principal: Principal, product_id: str) -> None:
        """Delete a product that nobody is subscribed to.

        Raises:
            NotFound: code `product_not_found`.
            Conflict: code `product_in_use`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            product = self.within(connection, principal, product_id)
            if store.is_used(connection, principal.tenant_id, product_id=product_id):
                raise Conflict(
                    f"there are subscriptions to the product '{product_id}': cancel them first", code="product_in_use"
                )
            store.remove_product(connection, product)
            self._record(connection, principal, "product.deleted", product, before=_audit_fields(product))

    def _check_apis(self, connection: Connection, principal: Principal, api_ids: Sequence[str]) -> None:
        """In the transaction that holds the tenant's lock, so that none is deleted meanwhile."""
        for index, api_id in enumerate(api_ids):
            check_api(connection, self._known, principal, api_id, field=f"api_ids.{index}")

    def _record(self, connection: Connection, principal: Principal, action: str, product: Product, **what: Any) -> None:
        self._audit.record(connection, principal=principal, action=action, subject=product.subject, **what)


def _audit_fields(product: Product) -> dict[str, object]:
    return {
        "display_name": product.display_name,
        "api_ids": list(product.api_ids),
        "is_open": product.is_open,
        "limits": product.limits.to_json(),
    }
