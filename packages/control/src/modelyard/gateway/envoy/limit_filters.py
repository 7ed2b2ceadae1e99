"""The filters that limit: Envoy's own counters for rates, and Lua for quotas that are used up and for header fields."""

from datetime import timedelta
from typing import Any

from modelyard.envoy.resources import Resource, typed
from modelyard.gateway.envoy.key_filter import script
from modelyard.gateway_node.filters import FILTER_METADATA, OVER_LIMIT_HEADER, RATES
from modelyard.subscriptions.access_table import AccessTable, LimitScope, RateLimit

_MOST_BUCKETS = 100_000
_UNLIMITED = 4_294_967_295
_ALL = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_LIMITED_HEADER = "modelyard-limited"
"""By which the filter of header fields knows the answer; it removes it."""
_NONE = {"default_value": {"numerator": 0, "denominator": "HUNDRED"}}


def limit_filter(table: AccessTable) -> Resource:
    """The settings of the filter for quotas and header fields."""
    lines = "\n".join(
        f"{each.scope} {each.key} {each.subscription_id} {int(each.until.timestamp())}" for each in table.exhausted
    )
    return script(lines, "refuse", "limits")


def rate_filter(table: AccessTable, *, is_enforced: bool, gateways: int = 1) -> Resource:
    """The settings of the filter whose limits are enforced, or of the one whose limits only count.

    Args:
        gateways: how many share a limit. Each has its part, rounded up.
    """
    limits = [limit for limit in table.rate_limits if limit.is_enforced == is_enforced]
    outcome = _enforced() if is_enforced else _counted()
    return typed(
        RATES.message,
        stat_prefix="rates" if is_enforced else "rates_dry_run",
        token_bucket=_bucket(_UNLIMITED, timedelta(seconds=1)),
        always_consume_default_token_bucket=False,
        filter_enabled=_ALL,
        max_dynamic_descriptors=_MOST_BUCKETS,
        rate_limits=_ACTIONS,
        descriptors=[_descriptor(limit, gateways) for limit in limits],
        **outcome,
    )


def _enforced() -> dict[str, Any]:
    return {
        "filter_enforced": _ALL,
        "rate_limited_as_resource_exhausted": True,
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "response_headers_to_add": [_header(_LIMITED_HEADER, "rate")],
    }


def _counted() -> dict[str, Any]:
    return {
        "filter_enforced": _NONE,
        "request_headers_to_add_when_not_enforced": [_header(OVER_LIMIT_HEADER, "rate")],
    }


def _header(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _of_caller(key: str, **fields: str) -> dict[str, Any]:
    """An entry with what the filter of keys found out; without it, and without a default, the limit does not hold."""
    path = {"key": FILTER_METADATA, "path": [{"key": "caller"}, {"key": key}]}
    return {"metadata": {"descriptor_key": key, "source": "DYNAMIC", "metadata_key": path, **fields}}


_ACTIONS = [
    {"actions": [_of_caller("subscription")]},
    {"actions": [_of_caller("product"), _of_caller("subscription")]},
    {"actions": [_of_caller("api"), _of_caller("subscription", default_value="-")]},
]


def _descriptor(limit: RateLimit, gateways: int) -> dict[str, Any]:
    entries = [{"key": str(limit.scope), "value": limit.key}]
    if limit.scope is not LimitScope.SUBSCRIPTION:
        entries.append({"key": "subscription"})  # Without a value: a bucket for each.
    return {"entries": entries, "token_bucket": _bucket(-(-limit.calls // gateways), limit.period)}


def _bucket(tokens: int, period: timedelta) -> dict[str, Any]:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": f"{period.total_seconds():g}s"}
