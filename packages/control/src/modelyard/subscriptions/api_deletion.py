"""What becomes of access when an API is deleted: another one that takes its id begins with no callers and no limits."""

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.subscriptions import rule_store, store
from modelyard.subscriptions.states import SubscriptionStatus


class ApiDeletion:
    """Cancels subscriptions to one API alone, takes it out of products, and removes its limits."""

    def __init__(self, *, clock: Clock, audit: AuditLog) -> None:
        self._clock = clock
        self._audit = audit

    def within(self, connection: Connection, principal: Principal, api_id: str) -> None:
        """In the transaction that deletes the API, which holds the tenant's lock."""
        self._cancel_subscriptions(connection, principal, api_id)
        self._leave_products(connection, principal, api_id)
        self._remove_limits(connection, principal, api_id)

    def _cancel_subscriptions(self, connection: Connection, principal: Principal, api_id: str) -> None:
        for subscription in store.of_api(connection, principal.tenant_id, api_id):
            store.change(
                connection,
                subscription,
                status=SubscriptionStatus.CANCELLED,
                name=None,
                updated_at=self._clock.now(),
                **store.client_columns(None),
            )
            self._audit.record(
                connection,
                principal=principal,
                action="subscription.cancelled",
                subject=subscription.subject,
                before={"status": subscription.status},
                after={"status": SubscriptionStatus.CANCELLED},
            )

    def _leave_products(self, connection: Connection, principal: Principal, api_id: str) -> None:
        for product in store.every_product(connection, principal.tenant_id):
            if api_id not in product.api_ids:
                continue
            left = [each for each in product.api_ids if each != api_id]
            store.change_product(connection, product, api_ids=left, updated_at=self._clock.now())
            self._audit.record(
                connection,
                principal=principal,
                action="product.changed",
                subject=product.subject,
                before={"api_ids": list(product.api_ids)},
                after={"api_ids": left},
            )

    def _remove_limits(self, connection: Connection, principal: Principal, api_id: str) -> None:
        found = rule_store.find_api_limits(connection, principal.tenant_id, api_id)
        if found is None:
            return
        rule_store.remove_api_limits(connection, principal.tenant_id, api_id)
        self._audit.record(
            connection,
            principal=principal,
            action="api_limits.removed",
            subject=found.subject,
            before=found.limits.to_json(),
        )
