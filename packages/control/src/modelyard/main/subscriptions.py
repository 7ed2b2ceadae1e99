"""Puts the noun of subscriptions together: products, keys, issuers of tokens, limits, usage."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection

from modelyard.gateway import store as gateway_store
from modelyard.http.routing import APIRouter
from modelyard.main.context import Context
from modelyard.principals import Principal
from modelyard.registry import store as registry_store
from modelyard.subscriptions.access_tables import AccessTables
from modelyard.subscriptions.callers import Callers
from modelyard.subscriptions.node_routes import usage_report_routes
from modelyard.subscriptions.products import Products
from modelyard.subscriptions.published_keys import PublishedKeys
from modelyard.subscriptions.routes import product_routes, subscription_reads, subscription_writes, usage_routes
from modelyard.subscriptions.rule_routes import issuer_routes, limit_routes
from modelyard.subscriptions.rules import Issuers, LimitsOfApis
from modelyard.subscriptions.service import Subscriptions
from modelyard.subscriptions.usage import Usage


class SubscriptionParts:
    """Who may call the gateway, and how often."""

    def __init__(self, context: Context) -> None:
        database, clock, audit = context.database, context.clock, context.audit
        known = _Known()
        self._clock = clock
        self.subscriptions = Subscriptions(database=database, clock=clock, audit=audit, known=known)
        self.products = Products(database=database, clock=clock, audit=audit, known=known)
        self.published_keys = PublishedKeys(
            database=database,
            clock=clock,
            audit=audit,
            key_sets=context.adapters.key_sets,
            every=timedelta(seconds=context.settings.routing.jwks_seconds),
        )
        self.issuers = Issuers(database=database, clock=clock, audit=audit, published=self.published_keys)
        self.limits = LimitsOfApis(database=database, clock=clock, audit=audit, known=known)
        self.usage = Usage(database=database, clock=clock)
        self.callers = Callers(database=database, clock=clock)
        self.access_tables = AccessTables(database=database, clock=clock, usage=self.usage)

    def routes(self) -> Sequence[APIRouter]:
        """Their surface below `/api/v1/gateway`."""
        return [
            product_routes(self.products),
            subscription_reads(self.subscriptions, self.usage, self._clock),
            subscription_writes(self.subscriptions, self.usage, self._clock),
            usage_routes(self.usage, self._clock),
            issuer_routes(self.issuers),
            limit_routes(self.limits),
            usage_report_routes(self.usage),
        ]


class _Known:
    """The APIs and models that there are."""

    def has_api(self, connection: Connection, principal: Principal, api_id: str) -> bool:
        """See the port."""
        return gateway_store.find_api(connection, principal.tenant_id, api_id) is not None

    def has_model(self, connection: Connection, principal: Principal, model_name: str) -> bool:
        """See the port."""
        return registry_store.find_model(connection, principal.tenant_id, model_name) is not None
