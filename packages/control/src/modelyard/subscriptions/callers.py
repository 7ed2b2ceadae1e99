"""Callers of the gateway at the control plane: with a subscription key in place of a token they read what concerns the
APIs that they call, and nothing else."""

from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.ports.clock import Clock
from modelyard.principals import Permission, Principal, Role
from modelyard.subscriptions import store
from modelyard.subscriptions.access_table import api_scope, tenant_scope
from modelyard.subscriptions.domain import SUBJECT_PREFIX, ScopeKind, Subscription, opened_by
from modelyard.subscriptions.keys import is_key, key_digest
from modelyard.subscriptions.states import SubscriptionStatus


class Callers:
    """Subscriptions as callers."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def of_key(self, key: str) -> Principal | None:
        """Whoever has this key; None when it is none, or opens nothing now."""
        if not is_key(key):
            return None
        with self._database.read() as connection:
            found = store.find_by_digest(connection, key_digest(key))
        if found is None or found.status_at(self._clock.now()) is not SubscriptionStatus.ACTIVE:
            return None
        scopes = frozenset({Permission.API_CHANGES_READ})
        return Principal(found.tenant_id, found.subject, Role.VIEWER, scopes=scopes)

    def may_see(self, principal: Principal, api_id: str) -> bool:
        """Whether an API is one of the caller's: of a subscription what it opens, of everybody else all."""
        if not principal.subject.startswith(SUBJECT_PREFIX):
            return True
        with self._database.read() as connection:
            subscription_id = principal.subject.removeprefix(SUBJECT_PREFIX)
            found = store.find(connection, principal.tenant_id, subscription_id)
            opened = frozenset[str]() if found is None else _opened(connection, found)
        return not opened.isdisjoint({api_scope(principal.tenant_id, api_id), tenant_scope(principal.tenant_id)})


def _opened(connection: Connection, subscription: Subscription) -> frozenset[str]:
    tenant_id, scope = subscription.tenant_id, subscription.scope
    is_of_product = scope.kind is ScopeKind.PRODUCT
    product = store.find_product(connection, tenant_id, scope.name or "") if is_of_product else None
    return opened_by(tenant_id, scope, () if product is None else product.api_ids)
