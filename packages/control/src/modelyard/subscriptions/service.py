"""The verbs on subscriptions. Keys leave when they are made, and are never stored."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog, lock_chain
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, NotFound, Precondition
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.revision import check_revision
from modelyard.subscriptions import rule_store, store
from modelyard.subscriptions.domain import (
    Client,
    KeyName,
    Scope,
    ScopeKind,
    Subscription,
    check_transition,
    validate_id,
)
from modelyard.subscriptions.keys import key_digest, new_key
from modelyard.subscriptions.known import KnownTargets, check_api, check_model
from modelyard.subscriptions.limits import Limits
from modelyard.subscriptions.states import SubscriptionStatus

MOST_SUBSCRIPTIONS = 10_000
"""Of one tenant: each worker of a gateway holds them all."""
_ACTIONS = {
    SubscriptionStatus.ACTIVE: "subscription.activated",
    SubscriptionStatus.SUSPENDED: "subscription.suspended",
    SubscriptionStatus.CANCELLED: "subscription.cancelled",
}


class Subscriptions:
    """Subscriptions of all tenants."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog, known: KnownTargets) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._known = known

    def create(
        self,
        principal: Principal,
        *,
        display_name: str,
        scope: Scope,
        expires_at: datetime | None,
        client: Client | None,
        limits: Limits,
        name: str | None = None,
    ) -> tuple[Subscription, dict[KeyName, str]]:
        """A new subscription, and its keys.

        Args:
            name: by which it is declared in files; no other of the tenant that is not cancelled has it.

        Raises:
            Invalid: code `id_invalid`, `product_unknown`, `api_unknown`, `model_unknown`, `issuer_unknown` or
                `expiry_past`.
            Conflict: code `name_taken`, `client_taken` or `too_many_subscriptions`.
        """
        if name is not None:
            validate_id(name, field="name")
        now = self._clock.now()
        self._check_expiry(expires_at)
        keys = {name: new_key() for name in KeyName}
        subscription = Subscription(
            subscription_id=f"sub-{uuid4().hex}",
            tenant_id=principal.tenant_id,
            name=name,
            display_name=display_name,
            scope=scope,
            status=SubscriptionStatus.ACTIVE,
            primary_digest=key_digest(keys[KeyName.PRIMARY]),
            secondary_digest=key_digest(keys[KeyName.SECONDARY]),
            primary_changed_at=now,
            secondary_changed_at=now,
            expires_at=expires_at,
            client=client,
            limits=limits,
            created_by=principal.subject,
            created_at=now,
            updated_at=now,
            revision=1,
        )
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            if store.count(connection, principal.tenant_id) >= MOST_SUBSCRIPTIONS:
                raise Conflict(
                    f"there are {MOST_SUBSCRIPTIONS} subscriptions already: cancel one", code="too_many_subscriptions"
                )
            if name is not None and store.find_named(connection, principal.tenant_id, name) is not None:
                raise Conflict(
                    f"name: another subscription has the name '{name}' already", code="name_taken", field="name"
                )
            self._check_target(connection, principal, scope)
            self._check_client(connection, principal, client)
            store.add(connection, subscription)
            self._record(connection, principal, "subscription.created", subscription, after=_audit_fields(subscription))
        return subscription, keys

    def get(self, principal: Principal, subscription_id: str) -> Subscription:
        """One subscription.

        Raises:
            NotFound: code `subscription_not_found`.
        """
        with self._database.read() as connection:
            return self.within(connection, principal, subscription_id)

    @staticmethod
    def within(connection: Connection, principal: Principal, subscription_id: str) -> Subscription:
        """One subscription, in the caller's transaction.

        Raises:
            NotFound: code `subscription_not_found`.
        """
        subscription = store.find(connection, principal.tenant_id, subscription_id)
        if subscription is None:
            raise NotFound(f"there is no subscription '{subscription_id}'", code="subscription_not_found")
        return subscription

    def named(self, principal: Principal) -> list[Subscription]:
        """The tenant's subscriptions that have a name, by name."""
        with self._database.read() as connection:
            return store.named(connection, principal.tenant_id)

    def page(
        self, principal: Principal, *, limit: int, cursor: str | None, scope: Scope | None = None
    ) -> Page[Subscription]:
        """The tenant's subscriptions, newest first."""
        with self._database.read() as connection:
            return store.page(connection, principal.tenant_id, limit=limit, cursor=cursor, scope=scope)

    def change(
        self, principal: Principal, subscription_id: str, *, revision: int | None, **wanted: Any
    ) -> Subscription:
        """Change what is named: `display_name`, `expires_at`, `client`, `limits`. A scope never changes.

        Raises:
            NotFound: code `subscription_not_found`.
            Invalid: code `issuer_unknown` or `expiry_past`.
            Conflict: code `client_taken` or `subscription_status_invalid`.
            Precondition: code `revision_changed`.
        """
        if "expires_at" in wanted:
            self._check_expiry(wanted["expires_at"])
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            before = self._changeable(connection, principal, subscription_id, revision)
            after = replace(before, **wanted)
            if after == before:
                return before
            if after.client != before.client:
                self._check_client(connection, principal, after.client)
            self._write(
                connection,
                before,
                display_name=after.display_name,
                expires_at=after.expires_at,
                limits=after.limits.to_json(),
                **store.client_columns(after.client),
            )
            self._record(
                connection,
                principal,
                "subscription.changed",
                before,
                before=_audit_fields(before),
                after=_audit_fields(after),
            )
            return self.within(connection, principal, subscription_id)

    def regenerate(self, principal: Principal, subscription_id: str, key: KeyName) -> tuple[Subscription, str]:
        """Put a new key in place of one of the two, which opens nothing any more once every gateway knows.

        Raises:
            NotFound: code `subscription_not_found`.
            Conflict: code `subscription_status_invalid`: it is cancelled.
        """
        made = new_key()
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            before = self._changeable(connection, principal, subscription_id, None)
            changed = {f"{key}_digest": key_digest(made), f"{key}_changed_at": self._clock.now()}
            self._write(connection, before, **changed)
            self._record(connection, principal, "subscription.key_regenerated", before, after={"key": key})
            return self.within(connection, principal, subscription_id), made

    def move(self, principal: Principal, subscription_id: str, status: SubscriptionStatus) -> Subscription:
        """Suspend, activate or cancel. Again: nothing more happens.

        Raises:
            NotFound: code `subscription_not_found`.
            Conflict: code `subscription_status_invalid`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            before = self.within(connection, principal, subscription_id)
            if before.status is status:
                return before
            check_transition(before.status, status)
            # Its name, and whom tokens stand for, are free again when nobody comes back.
            is_over = status is SubscriptionStatus.CANCELLED
            freed = {"name": None, **store.client_columns(None)} if is_over else {}
            self._write(connection, before, status=status, **freed)
            self._record(
                connection,
                principal,
                _ACTIONS[status],
                before,
                before={"status": before.status},
                after={"status": status},
            )
            return self.within(connection, principal, subscription_id)

    def _changeable(
        self, connection: Connection, principal: Principal, subscription_id: str, revision: int | None
    ) -> Subscription:
        found = self.within(connection, principal, subscription_id)
        check_revision(revision, found.revision, subject=found.subject)
        if found.status is SubscriptionStatus.CANCELLED:
            raise Conflict("a subscription that is cancelled cannot be changed", code="subscription_status_invalid")
        return found

    def _check_expiry(self, expires_at: datetime | None) -> None:
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise Invalid(
                f"expires_at: expected a moment to come, got {expires_at.isoformat()}",
                code="expiry_past",
                field="expires_at",
            )

    def _check_target(self, connection: Connection, principal: Principal, scope: Scope) -> None:
        """In the transaction that holds the tenant's lock, so that it is not deleted meanwhile."""
        if scope.kind is ScopeKind.API:
            check_api(connection, self._known, principal, scope.name or "", field="scope.name")
        if scope.kind is ScopeKind.MODEL:
            check_model(connection, self._known, principal, scope.name or "", field="scope.name")
        if scope.kind is ScopeKind.PRODUCT:
            self._check_product(connection, principal, scope)

    @staticmethod
    def _check_product(connection: Connection, principal: Principal, scope: Scope) -> None:
        if store.find_product(connection, principal.tenant_id, scope.name or "") is None:
            raise Invalid(f"scope.name: there is no product {scope.name!r}", code="product_unknown", field="scope.name")

    @staticmethod
    def _check_client(connection: Connection, principal: Principal, client: Client | None) -> None:
        if client is None:
            return
        if rule_store.find_issuer(connection, principal.tenant_id, client.issuer_id) is None:
            raise Invalid(
                f"client.issuer_id: there is no issuer {client.issuer_id!r}",
                code="issuer_unknown",
                field="client.issuer_id",
            )
        if store.client_is_taken(connection, principal.tenant_id, client):
            raise Conflict("tokens of this client stand for another subscription already", code="client_taken")

    def _write(self, connection: Connection, subscription: Subscription, **values: Any) -> None:
        if not store.change(connection, subscription, updated_at=self._clock.now(), **values):
            raise Precondition("the subscription was changed by somebody else", code="revision_changed")

    def _record(
        self, connection: Connection, principal: Principal, action: str, subscription: Subscription, **what: Any
    ) -> None:
        self._audit.record(connection, principal=principal, action=action, subject=subscription.subject, **what)


def _audit_fields(subscription: Subscription) -> dict[str, object]:
    expires_at, client = subscription.expires_at, subscription.client
    return {
        "name": subscription.name,
        "display_name": subscription.display_name,
        "scope": subscription.scope.title,
        "expires_at": None if expires_at is None else expires_at.isoformat(),
        "client": None if client is None else {"issuer_id": client.issuer_id, "name": client.name},
        "limits": subscription.limits.to_json(),
    }
