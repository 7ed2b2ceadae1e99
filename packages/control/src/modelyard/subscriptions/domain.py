"""Products, subscriptions, and issuers of tokens. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from modelyard.errors import Conflict, Invalid
from modelyard.subscriptions.access_table import (
    LimitScope,
    api_scope,
    model_scope,
    product_key,
    tenant_scope,
)
from modelyard.subscriptions.limits import Limits
from modelyard.subscriptions.states import TRANSITIONS, SubscriptionStatus

SUBJECT_PREFIX = "subscriptions/"
"""What the name of a subscription begins with, in the audit log and as a caller."""
MOST_APIS = 200
"""Of one product."""
_KEYS_URL = re.compile(
    r"https?://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?(?:[/?][\x21\x24-\x7e]*)?"
)
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """APIs that are subscribed to together."""

    product_id: str
    tenant_id: str
    display_name: str
    description: str
    api_ids: tuple[str, ...]
    is_open: bool
    """Whether its APIs are called without a subscription."""
    limits: Limits
    """Of each subscription to it."""
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"products/{self.product_id}"


class ScopeKind(StrEnum):
    """What a subscription opens."""

    PRODUCT = "product"
    API = "api"
    MODEL = "model"
    """The stable address of one model."""
    ALL = "all"
    """All APIs and models of the tenant."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a subscription opens, by name."""

    kind: ScopeKind
    name: str | None = None
    """None of ALL."""

    @property
    def title(self) -> str:
        """For sentences and tables: `product gold`."""
        return str(self.kind) if self.name is None else f"{self.kind} {self.name}"


class KeyName(StrEnum):
    """Each subscription has two keys, so that one is replaced while the other is used."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True, slots=True)
class Client:
    """Whom tokens of an issuer stand for, who need no key."""

    issuer_id: str
    name: str
    """What the claim says that the issuer's tokens have for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """Somebody's right to call what it is scoped to. It knows its keys by their hashes."""

    subscription_id: str
    tenant_id: str
    name: str | None
    """By which files declare it. One that is cancelled has none."""
    display_name: str
    scope: Scope
    status: SubscriptionStatus
    """As it was set; `status_at` knows the clock."""
    primary_digest: str
    secondary_digest: str
    primary_changed_at: datetime
    secondary_changed_at: datetime
    expires_at: datetime | None
    client: Client | None
    limits: Limits
    """Of all requests of this subscription, besides those of its product and of each API."""
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"{SUBJECT_PREFIX}{self.subscription_id}"

    def status_at(self, now: datetime) -> SubscriptionStatus:
        """Its status at a moment."""
        is_over = self.expires_at is not None and self.expires_at <= now
        return SubscriptionStatus.EXPIRED if is_over and self.status is SubscriptionStatus.ACTIVE else self.status


@dataclass(frozen=True, kw_only=True, slots=True)
class Issuer:
    """Whose tokens (JWT) are taken in place of a key."""

    issuer_id: str
    tenant_id: str
    issuer: str
    audiences: tuple[str, ...]
    jwks: str
    """Its public keys, the last good ones."""
    jwks_url: str | None
    """Where it publishes them; None: they were given."""
    jwks_asked_at: datetime | None
    jwks_error: str | None
    """Why the last look there found none."""
    client_claim: str
    required_claims: tuple[tuple[str, str], ...]
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"token-issuers/{self.issuer_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiLimits:
    """Limits of each subscription that calls an API, and of all together who call it without one."""

    api_id: str
    tenant_id: str
    limits: Limits
    updated_at: datetime
    revision: int

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"apis/{self.api_id}/limits"


def check_transition(before: SubscriptionStatus, after: SubscriptionStatus) -> None:
    """Refuse a change that the table of states does not have.

    Raises:
        Conflict: code `subscription_status_invalid`.
    """
    if after not in TRANSITIONS[before]:
        raise Conflict(f"a subscription that is {before} cannot become {after}", code="subscription_status_invalid")


def validate_id(value: str, *, field: str) -> str:
    """An id that somebody chose.

    Raises:
        Invalid: code `id_invalid`.
    """
    if not _ID.fullmatch(value):
        raise Invalid(
            f"{field}: expected 1 to 80 letters, digits, '.', '_' and '-', the first and the last one a letter or a "
            f"digit, got {value[:90]!r}",
            code="id_invalid",
            field=field,
        )
    return value


def validate_keys_url(url: str) -> str:
    """Where an issuer publishes its keys. Whether anything is there is another question.

    Raises:
        Invalid: code `jwks_url_invalid`.
    """
    if not _KEYS_URL.fullmatch(url):
        raise Invalid(
            f"jwks_url: expected https:// with a host, and perhaps a port, a path and a query, got {url[:90]!r}",
            code="jwks_url_invalid",
            field="jwks_url",
        )
    return url


def scope_of(kind: ScopeKind, name: str | None) -> Scope:
    """A scope.

    Raises:
        Invalid: code `scope_invalid`: ALL has no name, and the others have one.
    """
    if (name is None) != (kind is ScopeKind.ALL):
        expected = "no name" if kind is ScopeKind.ALL else f"the name of the {kind}"
        raise Invalid(f"scope.name: expected {expected}, got {name!r}", code="scope_invalid", field="scope.name")
    return Scope(kind, name)


def opened_by(tenant_id: str, scope: Scope, apis_of_product: tuple[str, ...]) -> frozenset[str]:
    """The names of what a subscription opens, as the gateway knows them."""
    name = scope.name or ""
    match scope.kind:
        case ScopeKind.PRODUCT:
            return frozenset(api_scope(tenant_id, api_id) for api_id in apis_of_product)
        case ScopeKind.API:
            return frozenset({api_scope(tenant_id, name)})
        case ScopeKind.MODEL:
            return frozenset({model_scope(tenant_id, name)})
        case ScopeKind.ALL:
            return frozenset({tenant_scope(tenant_id)})


def limit_key(scope: LimitScope, tenant_id: str, name: str) -> str:
    """The name of what is limited, as the gateway knows it."""
    match scope:
        case LimitScope.SUBSCRIPTION:
            return name
        case LimitScope.PRODUCT:
            return product_key(tenant_id, name)
        case LimitScope.API:
            return api_scope(tenant_id, name)
