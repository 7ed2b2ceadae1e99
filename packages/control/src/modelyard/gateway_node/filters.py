"""The HTTP filters of every gateway, in the order in which a request passes them.

They stand in the listener, so this list is the same for every configuration; their settings come by ECDS, and change
without a connection being touched. To add one: name it here with what it does while no configuration names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpFilter:
    """A filter whose settings configurations bring."""

    name: str
    message: str
    """The type of its settings: `envoy.extensions.filters.http.lua.v3.Lua`."""
    idle: Mapping[str, Any] = field(default_factory=dict)
    """Settings with which it lets every request through as it came."""


_LUA = "envoy.extensions.filters.http.lua.v3.Lua"
_RATES = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_NO_SCRIPT = {"default_source_code": {"inline_string": "-- Lets everything through.\n"}}


def _is_true(namespace: str, key: str) -> dict[str, Any]:
    return {"filter": namespace, "path": [{"key": key}], "value": {"bool_match": True}}


_UNADMITTED = {
    "and_ids": {
        "ids": [
            {
                "sourced_metadata": {
                    "metadata_matcher": _is_true("modelyard.keys", "needs_subscription"),
                    "metadata_source": "ROUTE",
                }
            },
            {"not_id": {"metadata": _is_true("modelyard", "is_admitted")}},
        ]
    }
}

TOKENS = HttpFilter("modelyard.tokens", "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication")
"""Verifies tokens (JWT) of issuers."""
KEYS = HttpFilter("modelyard.keys", _LUA, _NO_SCRIPT)
"""Finds the subscription of a key or a token, and admits or refuses. Its name is also that of the metadata which
routes have for it."""
GUARD = HttpFilter(
    "modelyard.guard",
    "envoy.extensions.filters.http.rbac.v3.RBAC",
    {
        "rules": {
            "action": "DENY",
            "policies": {"unadmitted": {"permissions": [{"any": True}], "principals": [_UNADMITTED]}},
        }
    },
)
"""Refuses what needs a subscription and was not admitted, whatever became of the filter before it. No configuration
changes it."""
LIMITS = HttpFilter("modelyard.limits", _LUA, _NO_SCRIPT)
"""Refuses what is over a quota, and writes the header fields of limits."""
DRY_RUN_RATES = HttpFilter("modelyard.rates-dry-run", _RATES, {"stat_prefix": "rates_dry_run"})
"""Counts what is over a rate that is not enforced."""
RATES = HttpFilter("modelyard.rates", _RATES, {"stat_prefix": "rates"})
"""Refuses what is over a rate."""

GRPC_STATISTICS = HttpFilter("modelyard.grpc-statistics", "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig")
"""Counts how gRPC calls end, by the cluster that they go to: their HTTP status is 200 when they fail, too."""

FILTERS: tuple[HttpFilter, ...] = (TOKENS, KEYS, GUARD, LIMITS, DRY_RUN_RATES, RATES, GRPC_STATISTICS)
"""Before the router, which is last."""

FILTER_METADATA = "modelyard"
"""What filters find out of a request: `is_admitted`, `caller`, and `refusal`, the code of an error."""
OVER_LIMIT_HEADER = "modelyard-over-limit"
"""On a request that a limit which is not enforced would have refused."""

SPOOFABLE_HEADERS: tuple[str, ...] = (
    "x-envoy-original-path",
    "modelyard-client",
    OVER_LIMIT_HEADER,
    "modelyard-route-reason",
    "modelyard-shadow",
    "modelyard-subscription",
    "x-forwarded-prefix",
)
"""Set by the gateway alone. What a caller sends under these names is removed before anything looks at it, also where it
is written with underscores: servers that read headers as variables (WSGI, CGI) take it for the same name."""
