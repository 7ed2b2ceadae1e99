"""All filters that admit and limit requests, and what a route says to them."""

from collections.abc import Mapping
from typing import Any

from modelyard.envoy.resources import Resource
from modelyard.gateway.envoy.key_filter import key_filter
from modelyard.gateway.envoy.limit_filters import limit_filter, rate_filter
from modelyard.gateway.envoy.token_filter import token_filter
from modelyard.gateway.table import Forward, Route, StickyBy
from modelyard.gateway_node.filters import DRY_RUN_RATES, KEYS, LIMITS, RATES, TOKENS
from modelyard.subscriptions.access_table import AccessTable, api_scope, model_scope


def access_filters(table: AccessTable, *, gateways: int = 1) -> Mapping[str, Resource]:
    """Settings by the filter's name, as a configuration of nodes has them.

    Args:
        gateways: how many share what is limited.
    """
    return {
        TOKENS.name: token_filter(table),
        KEYS.name: key_filter(table),
        LIMITS.name: limit_filter(table),
        DRY_RUN_RATES.name: rate_filter(table, is_enforced=False, gateways=gateways),
        RATES.name: rate_filter(table, is_enforced=True, gateways=gateways),
    }


def access_metadata(route: Route) -> dict[str, Any]:
    """What the filter of keys reads of a route, below its own name in `filter_metadata`.

    Without it, the filter refuses every request of the route.
    """
    sticky = route.action.sticky if isinstance(route.action, Forward) else None
    return {
        KEYS.name: {
            "tenant": route.tenant_id,
            "needs_subscription": route.access.needs_subscription,
            "key_header": route.access.header_name.lower(),
            "key_query": route.access.query_name,
            "is_sticky_by_client": sticky is not None and sticky.by is StickyBy.CLIENT,
            **_scope(route),
        }
    }


def _scope(route: Route) -> dict[str, str]:
    if route.api_id is not None:
        return {"scope": api_scope(route.tenant_id, route.api_id)}
    if route.model_name is not None:
        return {"scope": model_scope(route.tenant_id, route.model_name)}
    return {}
