"""What gateways served to whom: counted by nodes, summed here by the hour; and how much of each quota is used."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.subscriptions import rule_store, store, usage_store
from modelyard.subscriptions.access_table import ExhaustedQuota, LimitScope
from modelyard.subscriptions.domain import ApiLimits, ScopeKind, Subscription, limit_key
from modelyard.subscriptions.limits import Limits, QuotaPeriod, period_end, period_start
from modelyard.subscriptions.usage_rows import UsageRow, UsageTotal

KEPT = timedelta(days=400)
_MOST_TOTALS = 1000


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
        with self._database.read() as connection:
            counted = _Counted(connection, self._clock.now())
            active = [each for each in store.every_active(connection) if tenant_id in {None, each.tenant_id}]
            products = {(each.tenant_id, each.product_id): each.limits for each in store.every_product(connection)}
            found = [counted.of_subscription(each, LimitScope.SUBSCRIPTION, each.limits) for each in active]
            for each in active:
                limits = products.get((each.tenant_id, each.scope.name or ""))
                if each.scope.kind is ScopeKind.PRODUCT and limits is not None:
                    found.append(counted.of_subscription(each, LimitScope.PRODUCT, limits))
            for api in rule_store.api_limits_of(connection, tenant_id):
                found.extend(counted.of_api(api))
        return [each for each in found if each is not None]


class _Counted:
    """Counts what stands against quotas at one moment."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def of_subscription(self, subscription: Subscription, scope: LimitScope, limits: Limits) -> QuotaStanding | None:
        """All calls of a subscription, against its own quota or its product's; None where that has none."""
        if limits.quota is None:
            return None
        tenant_id, subscription_id = subscription.tenant_id, subscription.subscription_id
        is_own = scope is LimitScope.SUBSCRIPTION
        since = period_start(limits.quota.period, self._now)
        return QuotaStanding(
            scope=scope,
            tenant_id=tenant_id,
            name=subscription_id if is_own else subscription.scope.name or "",
            subscription_id=subscription_id,
            limits=limits,
            used=usage_store.calls(self._connection, tenant_id, subscription_id, since=since),
            until=period_end(limits.quota.period, self._now),
        )

    def of_api(self, api: ApiLimits) -> Iterator[QuotaStanding]:
        """The calls of each subscription that has called an API."""
        quota = api.limits.quota
        if quota is None:
            return
        since, until = period_start(quota.period, self._now), period_end(quota.period, self._now)
        scope = f"api:{api.api_id}"
        for subscription_id, used in usage_store.calls_of_api(self._connection, api.tenant_id, scope, since=since):
            yield QuotaStanding(LimitScope.API, api.tenant_id, api.api_id, subscription_id, api.limits, used, until)
