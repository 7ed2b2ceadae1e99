"""What a gateway needs to know of subscriptions: hashes of keys, scopes, issuers of tokens, limits. Pure.

It holds no key. A data plane's translator turns it into filters; it speaks the language of none.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote


def api_scope(tenant_id: str, api_id: str) -> str:
    """Names one API among those of all tenants."""
    return f"{tenant_id}/api:{quote(api_id, safe='')}"


def model_scope(tenant_id: str, model_name: str) -> str:
    """Names the stable address of one model."""
    return f"{tenant_id}/model:{quote(model_name, safe='')}"


def tenant_scope(tenant_id: str) -> str:
    """Names all APIs and models of a tenant."""
    return f"{tenant_id}/*"


def product_key(tenant_id: str, product_id: str) -> str:
    """Names one product among those of all tenants."""
    return f"{tenant_id}/{quote(product_id, safe='')}"


@dataclass(frozen=True, slots=True)
class TokenClient:
    """Whom a token of an issuer stands for."""

    issuer: str
    """The name of a `TokenIssuer`."""
    client: str
    """What its claim says."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscription that is active now."""

    subscription_id: str
    scopes: frozenset[str]
    digests: tuple[str, ...]
    """SHA-256 of its keys, in hexadecimal digits."""
    product: str | None = None
    """The product that it is scoped to, whose limits hold for it."""
    expires_at: datetime | None = None
    client: TokenClient | None = None


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Whose tokens (JWT) are taken in place of a key."""

    name: str
    """Unique among those of all tenants; letters, digits, `.`, `/`, `-` and `_`."""
    tenant_id: str
    issuer: str
    """The claim `iss`."""
    audiences: tuple[str, ...]
    """One of them is in the claim `aud`."""
    jwks: str
    """The public keys, as JSON."""
    client_claim: str
    """The claim that says whom a token stands for."""
    required_claims: tuple[tuple[str, str], ...] = ()
    """Claims with a value that each has, alone, in a list, or among words."""


class LimitScope(StrEnum):
    """What is counted together."""

    SUBSCRIPTION = "subscription"
    """All requests of the subscription."""
    PRODUCT = "product"
    """Those of each subscription to the product."""
    API = "api"
    """Those of each subscription to the API; and together those that come without one."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many requests in so short a time."""

    scope: LimitScope
    key: str
    """Of the subscription, the product or the API."""
    calls: int
    period: timedelta
    is_enforced: bool = True
    """Whether what is over it is refused; otherwise it is counted only."""


@dataclass(frozen=True, slots=True)
class ExhaustedQuota:
    """Whose quota is used up until when."""

    scope: LimitScope
    key: str
    subscription_id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class AccessTable:
    """Everything that a gateway admits and limits requests by."""

    subscribers: tuple[Subscriber, ...] = ()
    issuers: tuple[TokenIssuer, ...] = ()
    open_scopes: frozenset[str] = frozenset()
    """APIs of open products, which are called without a subscription."""
    rate_limits: tuple[RateLimit, ...] = ()
    exhausted: tuple[ExhaustedQuota, ...] = ()
