"""Compiles what a gateway needs to know of subscriptions from what is stored."""

from collections.abc import Hashable, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, Table, func, select

from modelyard.db import Database
from modelyard.ports.clock import Clock
from modelyard.subscriptions import rule_store, store
from modelyard.subscriptions.access_table import (
    AccessTable,
    ExhaustedQuota,
    LimitScope,
    RateLimit,
    Subscriber,
    TokenClient,
    TokenIssuer,
    api_scope,
    product_key,
)
from modelyard.subscriptions.domain import Issuer, Product, ScopeKind, Subscription, limit_key, opened_by
from modelyard.subscriptions.limits import Limits, QuotaPeriod, period_start
from modelyard.subscriptions.tables import api_limits, issuers, products, subscriptions, usage_reports
from modelyard.subscriptions.usage import Usage

_SOURCES = (products, subscriptions, issuers, api_limits)


class AccessTables:
    """The access table of all tenants, as it is now."""

    def __init__(self, *, database: Database, clock: Clock, usage: Usage) -> None:
        self._database = database
        self._clock = clock
        self._usage = usage
        self._exhausted: tuple[Hashable, tuple[ExhaustedQuota, ...]] = (None, ())

    def fingerprint(self) -> Hashable:
        """Another one whenever the table may be another one. It is asked for several times a second."""
        with self._database.read() as connection:
            rows = tuple(tuple(connection.execute(_changes_of(source)).one()) for source in _SOURCES)
            reports = connection.execute(select(func.count(), func.sum(usage_reports.c.number))).one()
        # A quota begins anew at the beginning of an hour.
        counted = (rows, tuple(reports), period_start(QuotaPeriod.HOUR, self._clock.now()))
        if counted != self._exhausted[0]:
            self._exhausted = (counted, self._usage.exhausted())
        return (rows, self._exhausted[1])

    def table(self) -> AccessTable:
        """The table, compiled."""
        with self._database.read() as connection:
            every_product = store.every_product(connection)
            active = store.every_active(connection)
            trusted = rule_store.issuers_of(connection)
            limited = rule_store.api_limits_of(connection)
        by_id = {(each.tenant_id, each.product_id): each for each in every_product}
        rates = [
            *((LimitScope.SUBSCRIPTION, each.tenant_id, each.subscription_id, each.limits) for each in active),
            *((LimitScope.PRODUCT, each.tenant_id, each.product_id, each.limits) for each in every_product),
            *((LimitScope.API, each.tenant_id, each.api_id, each.limits) for each in limited),
        ]
        return AccessTable(
            subscribers=tuple(_subscriber(each, by_id) for each in active),
            issuers=tuple(_token_issuer(each) for each in trusted),
            open_scopes=_open_scopes(every_product),
            rate_limits=_rate_limits(rates),
            exhausted=self._usage.exhausted(),
        )


def issuer_name(tenant_id: str, issuer_id: str) -> str:
    """Names an issuer among those of all tenants."""
    return f"{tenant_id}/{issuer_id}"


def _changes_of(source: Table) -> Select[Any]:
    # A deleted row lowers the sum, and one that takes its place has a later time.
    return select(func.count(), func.coalesce(func.sum(source.c.revision), 0), func.max(source.c.updated_at))


def _subscriber(subscription: Subscription, products_by_id: dict[tuple[str, str], Product]) -> Subscriber:
    tenant_id, scope, client = subscription.tenant_id, subscription.scope, subscription.client
    is_of_product = scope.kind is ScopeKind.PRODUCT
    product = products_by_id.get((tenant_id, scope.name or "")) if is_of_product else None
    return Subscriber(
        subscription_id=subscription.subscription_id,
        scopes=opened_by(tenant_id, scope, () if product is None else product.api_ids),
        digests=(subscription.primary_digest, subscription.secondary_digest),
        product=None if product is None else product_key(tenant_id, product.product_id),
        expires_at=subscription.expires_at,
        client=None if client is None else TokenClient(issuer_name(tenant_id, client.issuer_id), client.name),
    )


def _token_issuer(issuer: Issuer) -> TokenIssuer:
    return TokenIssuer(
        name=issuer_name(issuer.tenant_id, issuer.issuer_id),
        tenant_id=issuer.tenant_id,
        issuer=issuer.issuer,
        audiences=issuer.audiences,
        jwks=issuer.jwks,
        client_claim=issuer.client_claim,
        required_claims=issuer.required_claims,
    )


def _open_scopes(every_product: Iterable[Product]) -> frozenset[str]:
    return frozenset(
        api_scope(product.tenant_id, api_id)
        for product in every_product
        if product.is_open
        for api_id in product.api_ids
    )


def _rate_limits(limited: Iterable[tuple[LimitScope, str, str, Limits]]) -> tuple[RateLimit, ...]:
    return tuple(
        RateLimit(
            scope=scope,
            key=limit_key(scope, tenant_id, name),
            calls=limits.rate.calls,
            period=timedelta(seconds=limits.rate.seconds),
            is_enforced=limits.is_enforced,
        )
        for scope, tenant_id, name, limits in limited
        if limits.rate is not None
    )
