"""Products, subscriptions, issuers, limits and usage on the wire. A key only stands in the answer that makes it."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from modelyard.http.bodies import RequestBody
from modelyard.http.moment import Moment
from modelyard.subscriptions.domain import (
    MOST_APIS,
    ApiLimits,
    Client,
    Issuer,
    KeyName,
    Product,
    Scope,
    ScopeKind,
    Subscription,
    scope_of,
)
from modelyard.subscriptions.limits import MOST_CALLS, MOST_RATE_SECONDS, Limits, Quota, QuotaPeriod, Rate
from modelyard.subscriptions.usage import QuotaStanding
from modelyard.subscriptions.usage_rows import UsageTotal

_Id = Annotated[str, Field(max_length=80, examples=["gold"])]
_Title = Annotated[str, Field(min_length=1, max_length=300)]
_Description = Annotated[str, Field(max_length=2000)]
_Calls = Annotated[int, Field(ge=1, le=MOST_CALLS)]
_Claim = Annotated[str, Field(min_length=1, max_length=100)]
# Times and words of a list come as text, which a strict body would not take for them.
_Time = Annotated[Moment, Field(strict=False)]
_ScopeKind = Annotated[ScopeKind, Field(strict=False)]
_Period = Annotated[QuotaPeriod, Field(strict=False)]


class RateBody(RequestBody):
    """At most `calls` requests in `seconds`: a bucket that fills evenly."""

    calls: _Calls
    seconds: Annotated[int, Field(ge=1, le=MOST_RATE_SECONDS)]


class QuotaBody(RequestBody):
    """At most `calls` requests in a span of the calendar, in UTC."""

    calls: _Calls
    period: _Period


class LimitsBody(RequestBody):
    """A rate, a quota, or both. What is not enforced is counted only."""

    rate: RateBody | None = None
    quota: QuotaBody | None = None
    is_enforced: bool = True

    def limits(self) -> Limits:
        """The same in the domain."""
        return Limits(
            rate=None if self.rate is None else Rate(self.rate.calls, self.rate.seconds),
            quota=None if self.quota is None else Quota(self.quota.calls, self.quota.period),
            is_enforced=self.is_enforced,
        )


class RateAnswer(BaseModel):
    """At most `calls` requests in `seconds`."""

    calls: int
    seconds: int


class QuotaAnswer(BaseModel):
    """At most `calls` requests in a span of the calendar, in UTC."""

    calls: int
    period: str


class LimitsAnswer(BaseModel):
    """What is limited."""

    rate: RateAnswer | None
    quota: QuotaAnswer | None
    is_enforced: bool

    @classmethod
    def of(cls, limits: Limits) -> "LimitsAnswer":
        """The limits on the wire."""
        return cls.model_validate(limits.to_json())


class ProductRequest(RequestBody):
    """A product to make."""

    product_id: _Id
    display_name: _Title
    description: _Description = ""
    api_ids: Annotated[list[_Id], Field(max_length=MOST_APIS)] = Field(default_factory=list)
    is_open: bool = False
    limits: LimitsBody = Field(default_factory=LimitsBody)


class ProductChange(RequestBody):
    """What shall change."""

    display_name: _Title | None = None
    description: _Description | None = None
    api_ids: Annotated[list[_Id], Field(max_length=MOST_APIS)] | None = None
    is_open: bool | None = None
    limits: LimitsBody | None = None

    def wanted(self) -> dict[str, Any]:
        """What was named, as the domain has it. Null names nothing."""
        named = {name: getattr(self, name) for name in self.model_fields_set}
        if self.limits is not None:
            named["limits"] = self.limits.limits()
        return {name: value for name, value in named.items() if value is not None}


class ProductAnswer(BaseModel):
    """A product."""

    product_id: str
    display_name: str
    description: str
    api_ids: list[str]
    is_open: bool = Field(description="whether its APIs are called without a subscription")
    limits: LimitsAnswer = Field(description="of each subscription to it")
    created_at: datetime
    created_by: str
    updated_at: datetime
    revision: int

    @classmethod
    def of(cls, product: Product) -> "ProductAnswer":
        """The product on the wire."""
        return cls(
            product_id=product.product_id,
            display_name=product.display_name,
            description=product.description,
            api_ids=list(product.api_ids),
            is_open=product.is_open,
            limits=LimitsAnswer.of(product.limits),
            created_at=product.created_at,
            created_by=product.created_by,
            updated_at=product.updated_at,
            revision=product.revision,
        )


class ProductsAnswer(BaseModel):
    """A page of products by id."""

    products: list[ProductAnswer]
    next_cursor: str | None


class ScopeBody(RequestBody):
    """What a subscription opens: one product, one API, one model's stable address, or all of the tenant."""

    kind: _ScopeKind
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None

    def scope(self) -> Scope:
        """The same in the domain."""
        return scope_of(self.kind, self.name)


class ClientBody(RequestBody):
    """Whom tokens of an issuer stand for, who need no key."""

    issuer_id: _Id
    name: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="what the issuer's client claim says of it"
    )

    def client(self) -> Client:
        """The same in the domain."""
        return Client(self.issuer_id, self.name)


class SubscriptionRequest(RequestBody):
    """A subscription to make."""

    name: _Id | None = Field(default=None, description="by which files declare it, unique in the tenant")
    display_name: _Title
    scope: ScopeBody
    expires_at: _Time | None = None
    client: ClientBody | None = None
    limits: LimitsBody = Field(default_factory=LimitsBody)


class SubscriptionChange(RequestBody):
    """What shall change. `expires_at` or `client` null: none any more."""

    display_name: _Title | None = None
    expires_at: _Time | None = None
    client: ClientBody | None = None
    limits: LimitsBody | None = None

    def wanted(self) -> dict[str, Any]:
        """What was named, as the domain has it. Null takes away what can be missing, and names nothing of the rest."""
        wanted: dict[str, Any] = {"display_name": self.display_name, "limits": self.limits and self.limits.limits()}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        if "expires_at" in self.model_fields_set:
            wanted["expires_at"] = self.expires_at
        if "client" in self.model_fields_set:
            wanted["client"] = None if self.client is None else self.client.client()
        return wanted


class ScopeAnswer(BaseModel):
    """What a subscription opens."""

    kind: str = Field(description="product, api, model or all")
    name: str | None


class ClientAnswer(BaseModel):
    """Whom tokens of an issuer stand for."""

    issuer_id: str
    name: str


class SubscriptionAnswer(BaseModel):
    """A subscription, without its keys."""

    subscription_id: str
    name: str | None = Field(description="by which files declare it; null when it is cancelled")
    display_name: str
    scope: ScopeAnswer
    status: str = Field(description="active, suspended, cancelled or expired")
    expires_at: datetime | None
    client: ClientAnswer | None
    limits: LimitsAnswer = Field(description="of all its requests, besides those of its product and of each API")
    primary_key_changed_at: datetime
    secondary_key_changed_at: datetime
    last_used_at: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    revision: int

    @classmethod
    def of(cls, subscription: Subscription, *, now: datetime, last_used_at: datetime | None) -> "SubscriptionAnswer":
        """The subscription on the wire."""
        client = subscription.client
        return cls(
            subscription_id=subscription.subscription_id,
            name=subscription.name,
            display_name=subscription.display_name,
            scope=ScopeAnswer(kind=subscription.scope.kind, name=subscription.scope.name),
            status=subscription.status_at(now),
            expires_at=subscription.expires_at,
            client=None if client is None else ClientAnswer(issuer_id=client.issuer_id, name=client.name),
            limits=LimitsAnswer.of(subscription.limits),
            primary_key_changed_at=subscription.primary_changed_at,
            secondary_key_changed_at=subscription.secondary_changed_at,
            last_used_at=last_used_at,
            created_at=subscription.created_at,
            created_by=subscription.created_by,
            updated_at=subscription.updated_at,
            revision=subscription.revision,
        )


class SubscriptionsAnswer(BaseModel):
    """A page of subscriptions, newest first."""

    subscriptions: list[SubscriptionAnswer]
    next_cursor: str | None


class NewSubscriptionAnswer(BaseModel):
    """A subscription with its keys, which are returned only here."""

    subscription: SubscriptionAnswer
    primary_key: str = Field(examples=["mgk_…"])
    secondary_key: str = Field(examples=["mgk_…"])

    @classmethod
    def of(cls, subscription: Subscription, keys: dict[KeyName, str], *, now: datetime) -> "NewSubscriptionAnswer":
        """A new subscription on the wire."""
        return cls(
            subscription=SubscriptionAnswer.of(subscription, now=now, last_used_at=None),
            primary_key=keys[KeyName.PRIMARY],
            secondary_key=keys[KeyName.SECONDARY],
        )


class NewKeyAnswer(BaseModel):
    """A subscription's new key, which is returned only here."""

    subscription_id: str
    name: str = Field(description="primary or secondary")
    key: str = Field(examples=["mgk_…"])


class QuotaStandingAnswer(BaseModel):
    """How much of a quota is used in the span that holds now."""

    scope: str = Field(description="subscription, product or api: whose quota it is")
    name: str
    quota: QuotaAnswer | None
    is_enforced: bool
    used: int
    is_exhausted: bool
    until: datetime = Field(description="when the next span begins")

    @classmethod
    def of(cls, standing: QuotaStanding) -> "QuotaStandingAnswer":
        """The standing on the wire."""
        return cls(
            scope=standing.scope,
            name=standing.name,
            quota=LimitsAnswer.of(standing.limits).quota,
            is_enforced=standing.limits.is_enforced,
            used=standing.used,
            is_exhausted=standing.is_exhausted,
            until=standing.until,
        )


class QuotasAnswer(BaseModel):
    """Every quota that holds for a subscription."""

    quotas: list[QuotaStandingAnswer]


class IssuerRequest(RequestBody):
    """An issuer to trust."""

    issuer: Annotated[str, Field(min_length=1, max_length=2000)] = Field(
        description="the claim `iss`", examples=["https://login.example.com/"]
    )
    audiences: Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(min_length=1, max_length=20)]
    jwks: dict[str, Any] | None = Field(default=None, description="its public keys, as it publishes them (RFC 7517)")
    jwks_url: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        default=None,
        description="in place of jwks: where it publishes them; asked again every few minutes",
        examples=["https://login.example.com/.well-known/jwks.json"],
    )
    client_claim: _Claim = "sub"
    required_claims: Annotated[dict[_Claim, Annotated[str, Field(max_length=200)]], Field(max_length=20)] = Field(
        default_factory=dict, description="claims with a value that each has, alone, in a list, or among words"
    )


class IssuerAnswer(BaseModel):
    """An issuer that is trusted."""

    issuer_id: str
    issuer: str
    audiences: list[str]
    jwks_url: str | None
    jwks_asked_at: datetime | None
    jwks_error: str | None = Field(description="why the last look at jwks_url found no keys; the former ones count")
    client_claim: str
    required_claims: dict[str, str]
    created_at: datetime
    updated_at: datetime
    revision: int

    @classmethod
    def of(cls, issuer: Issuer) -> "IssuerAnswer":
        """The issuer on the wire."""
        return cls(
            issuer_id=issuer.issuer_id,
            issuer=issuer.issuer,
            audiences=list(issuer.audiences),
            jwks_url=issuer.jwks_url,
            jwks_asked_at=issuer.jwks_asked_at,
            jwks_error=issuer.jwks_error,
            client_claim=issuer.client_claim,
            required_claims=dict(issuer.required_claims),
            created_at=issuer.created_at,
            updated_at=issuer.updated_at,
            revision=issuer.revision,
        )


class IssuersAnswer(BaseModel):
    """All issuers that are trusted."""

    issuers: list[IssuerAnswer]


class ApiLimitsAnswer(BaseModel):
    """Limits of each subscription that calls an API, and of all together who call it without one."""

    api_id: str
    limits: LimitsAnswer
    updated_at: datetime

    @classmethod
    def of(cls, limits: ApiLimits) -> "ApiLimitsAnswer":
        """The limits on the wire."""
        return cls(api_id=limits.api_id, limits=LimitsAnswer.of(limits.limits), updated_at=limits.updated_at)


class AllApiLimitsAnswer(BaseModel):
    """Limits of all APIs that have some."""

    limits: list[ApiLimitsAnswer]


class UsageTotalAnswer(BaseModel):
    """What one subscription called of one API or model."""

    subscription_id: str | None = Field(description="null: without a subscription")
    api_id: str | None
    model_name: str | None
    calls: int
    refused: int = Field(description="by a limit; they are not among the calls")
    over_limit: int = Field(description="calls that a limit would have refused that is not enforced")
    failed: int = Field(description="calls that ended with a status of 500 or more")
    last_at: datetime

    @classmethod
    def of(cls, total: UsageTotal) -> "UsageTotalAnswer":
        """The total on the wire."""
        kind, _, name = total.scope.partition(":")
        return cls(
            subscription_id=total.subscription_id or None,
            api_id=name if kind == "api" else None,
            model_name=name if kind == "model" else None,
            calls=total.calls,
            refused=total.refused,
            over_limit=total.over_limit,
            failed=total.failed,
            last_at=total.last_at,
        )


class UsageAnswer(BaseModel):
    """Who called what, the last used first."""

    since: datetime
    usage: list[UsageTotalAnswer]
