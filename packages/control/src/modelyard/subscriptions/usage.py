"""What gateways served to whom: counted by nodes, summed here by the hour; and how much of each quota is used."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.subscriptions import rule_store, store, usage_store
from modelyard.subscriptions.access_table import ExhaustedQuota, LimitScope
from modelyard.subscriptions.domain import ScopeKind, Subscription, limit_key
from modelyard.subscriptions.limits import Limits, QuotaPeriod, period_end, period_start
from modelyard.subscriptions.usage_rows import UsageRow, UsageTotal

KEPT = timedelta(days=400)
_MOST_TOTALS = 1000
_Counts = Counter[datetime]
"""Calls since some moments."""


@dataclass(frozen=True, slots=True)
class QuotaStanding:
    """How much of a quota a subscription has used in the span that holds now."""

    scope: LimitScope
    tenant_id: str
    name: str
    """Of the subscription, the product or the API."""
    subscription_id: str
    """Empty: those together who call an API without one."""
    limits: Limits
    used: int
    until: datetime

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left of it."""
        return self.limits.quota is not None and self.used >= self.limits.quota.calls


class Usage:
    """Usage of all tenants."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def note(self, node: str, number: int, rows: Iterable[UsageRow]) -> bool:
        """Add what a node counted. A report that comes again, after a lost answer, is counted once.

        Args:
            number: of the report; a node's numbers grow.

        Returns:
            whether it was new.
        """
        with self._database.write() as connection:
            if not usage_store.is_new_report(connection, node, number, at=self._clock.now()):
                return False
            for row in rows:
                usage_store.add(connection, row)
        return True

    def totals(
        self,
        principal: Principal,
        *,
        since: datetime,
        subscription_id: str | None = None,
        scope: str | None = None,
    ) -> Sequence[UsageTotal]:
        """Sums for each subscription and API since the hour of a moment, the last used first."""
        with self._database.read() as connection:
            return usage_store.totals(
                connection,
                principal.tenant_id,
                since=period_start(QuotaPeriod.HOUR, since),
                subscription_id=subscription_id,
                scope=scope,
                limit=_MOST_TOTALS,
            )

    def last_used(self, principal: Principal, subscription_ids: Sequence[str]) -> dict[str, datetime]:
        """When subscriptions were used last, as far as usage is kept."""
        with self._database.read() as connection:
            return usage_store.last_used(connection, principal.tenant_id, subscription_ids)

    def standings(self, principal: Principal, subscription: Subscription) -> list[QuotaStanding]:
        """Every quota that holds for a subscription."""
        return [
            each
            for each in self._standings(principal.tenant_id)
            if each.subscription_id == subscription.subscription_id
        ]

    def exhausted(self) -> tuple[ExhaustedQuota, ...]:
        """Quotas of all tenants that are used up and enforced."""
        return tuple(
            ExhaustedQuota(
                each.scope,
                limit_key(each.scope, each.tenant_id, each.name),
                each.subscription_id or "-",
                each.until,
            )
            for each in self._standings(None)
            if each.is_exhausted and each.limits.is_enforced
        )

    def make_pass(self) -> bool:
        """Forget what is old. Nothing more is to be done before the next pass."""
        with self._database.write() as connection:
            usage_store.forget(connection, before=self._clock.now() - KEPT)
        return False

    def _standings(self, tenant_id: str | None) -> list[QuotaStanding]:
        """Of one tenant, or of all."""
        now = self._clock.now()
        with self._database.read() as connection:
            quotas = _quotas(connection, tenant_id)
            rows = usage_store.calls_since(
                connection,
                frozenset(each.since(now) for each in quotas),
                subscription_ids=frozenset(each.subscription_id for each in quotas if each.subscription_id is not None),
                scopes=frozenset(each.usage_scope for each in quotas if each.usage_scope is not None),
            )
        of_subscriptions, of_scopes = _by_caller(rows)
        found: list[QuotaStanding] = []
        for quota in quotas:
            since = quota.since(now)
            if quota.subscription_id is not None:
                key = (quota.tenant_id, quota.subscription_id)
                found.append(quota.standing(quota.subscription_id, of_subscriptions[key][since], now))
                continue
            calls = of_scopes.get((quota.tenant_id, quota.usage_scope or ""), {})
            found += [quota.standing(caller, counts[since], now) for caller, counts in calls.items() if counts[since]]
        return found


@dataclass(frozen=True, slots=True)
class _Quota:
    """One quota that holds: of all calls of one subscription, or of those of each caller of an API."""

    scope: LimitScope
    tenant_id: str
    name: str
    limits: Limits
    period: QuotaPeriod
    subscription_id: str | None
    """None of an API's."""

    @property
    def usage_scope(self) -> str | None:
        """Of an API's: the scope of its usage."""
        return f"api:{self.name}" if self.subscription_id is None else None

    def since(self, now: datetime) -> datetime:
        """When its present span began."""
        return period_start(self.period, now)

    def standing(self, subscription_id: str, used: int, now: datetime) -> QuotaStanding:
        """How much of it a subscription has used."""
        until = period_end(self.period, now)
        return QuotaStanding(self.scope, self.tenant_id, self.name, subscription_id, self.limits, used, until)


def _quotas(connection: Connection, tenant_id: str | None) -> list[_Quota]:
    """Those of subscriptions, of their products and of APIs; of one tenant, or of all."""
    found: list[_Quota] = []

    def add(scope: LimitScope, tenant: str, name: str, limits: Limits, subscription_id: str | None) -> None:
        if limits.quota is not None:
            found.append(_Quota(scope, tenant, name, limits, limits.quota.period, subscription_id))

    active = [each for each in store.every_active(connection) if tenant_id in {None, each.tenant_id}]
    products = {(each.tenant_id, each.product_id): each.limits for each in store.every_product(connection)}
    for each in active:
        add(LimitScope.SUBSCRIPTION, each.tenant_id, each.subscription_id, each.limits, each.subscription_id)
    for each in active:
        product_id = each.scope.name or ""
        limits = products.get((each.tenant_id, product_id))
        if each.scope.kind is ScopeKind.PRODUCT and limits is not None:
            add(LimitScope.PRODUCT, each.tenant_id, product_id, limits, each.subscription_id)
    for api in rule_store.api_limits_of(connection, tenant_id):
        add(LimitScope.API, api.tenant_id, api.api_id, api.limits, None)
    return found


def _by_caller(
    rows: Iterable[usage_store.CallsRow],
) -> tuple[defaultdict[tuple[str, str], _Counts], Mapping[tuple[str, str], Mapping[str, _Counts]]]:
    """Calls of each subscription together, and of each scope by subscription."""
    of_subscriptions: defaultdict[tuple[str, str], _Counts] = defaultdict(Counter)
    of_scopes: dict[tuple[str, str], dict[str, _Counts]] = defaultdict(dict)
    for row in rows:
        of_subscriptions[row.tenant_id, row.subscription_id].update(row.since)
        of_scopes[row.tenant_id, row.scope][row.subscription_id] = Counter(row.since)
    return of_subscriptions, of_scopes
