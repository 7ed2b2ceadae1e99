"""The filter that verifies tokens (JWT). It refuses nothing: the filter of keys decides by what was verified."""

from typing import Any

from modelyard.envoy.resources import Resource, typed
from modelyard.gateway_node.filters import TOKENS
from modelyard.subscriptions.access_table import AccessTable, TokenIssuer

_CLOCK_SKEW_SECONDS = 30
_CACHED_TOKENS = 1000
_LONGEST_CACHED = 4096


def token_filter(table: AccessTable) -> Resource:
    """The settings of the filter. Keys of issuers are in it, so that nothing is fetched by the gateway."""
    if not table.issuers:
        return typed(TOKENS.message)
    # Each issuer is tried on its own: two tenants may trust the same one.
    tried = [
        {"requires_any": {"requirements": [{"provider_name": issuer.name}, {"allow_missing_or_failed": {}}]}}
        for issuer in table.issuers
    ]
    return typed(
        TOKENS.message,
        providers={issuer.name: _provider(issuer) for issuer in table.issuers},
        rules=[
            {
                "match": {"prefix": "/"},
                "requires": tried[0] if len(tried) == 1 else {"requires_all": {"requirements": tried}},
            }
        ],
    )


def _provider(issuer: TokenIssuer) -> dict[str, Any]:
    return {
        "issuer": issuer.issuer,
        "audiences": list(issuer.audiences),
        # Named, because by default a query parameter is looked at too, which would go on to the server.
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "local_jwks": {"inline_string": issuer.jwks},
        "require_expiration": True,
        "clock_skew_seconds": _CLOCK_SKEW_SECONDS,
        "payload_in_metadata": issuer.name,
        "forward": True,  # The next issuer looks too; the filter of keys removes what any of them verified.
        "jwt_cache_config": {"jwt_cache_size": _CACHED_TOKENS, "jwt_max_token_size": _LONGEST_CACHED},
    }
