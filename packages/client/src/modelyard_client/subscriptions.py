"""Who may call the gateway, with which keys, how often: products, subscriptions, issuers of tokens, limits, usage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_GATEWAY = ("api", "v1", "gateway")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """A rate (`calls` in `seconds`), a quota (`calls` each `hour`, `day`, `week` or `month`), or both."""

    rate: tuple[int, int] | None = None
    quota: tuple[int, str] | None = None
    is_enforced: bool = True
    """Whether what is over is refused; otherwise it is counted only."""

    @classmethod
    def from_json(cls, value: object) -> "Limits":
        """Read limits of the API."""
        fields = Fields(value, noun="limits")
        rate, quota = fields.optional_mapping("rate"), fields.optional_mapping("quota")
        return cls(
            rate=None if rate is None else (int(rate["calls"]), int(rate["seconds"])),
            quota=None if quota is None else (int(quota["calls"]), str(quota["period"])),
            is_enforced=fields.boolean("is_enforced"),
        )

    def to_json(self) -> dict[str, Any]:
        """As the API takes them."""
        return {
            "rate": None if self.rate is None else {"calls": self.rate[0], "seconds": self.rate[1]},
            "quota": None if self.quota is None else {"calls": self.quota[0], "period": self.quota[1]},
            "is_enforced": self.is_enforced,
        }


UNLIMITED = Limits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """APIs that are subscribed to together."""

    product_id: str
    display_name: str
    api_ids: tuple[str, ...]
    is_open: bool
    limits: Limits

    @classmethod
    def from_json(cls, value: object) -> "Product":
        """Read a product of the API."""
        fields = Fields(value, noun="product")
        return cls(
            product_id=fields.text("product_id"),
            display_name=fields.text("display_name"),
            api_ids=tuple(fields.items("api_ids")),
            is_open=fields.boolean("is_open"),
            limits=Limits.from_json(fields.value("limits")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """Somebody's right to call. `status` is active, suspended, cancelled or expired."""

    subscription_id: str
    name: str | None
    """By which files declare it."""
    display_name: str
    scope: str
    """`product gold`, `api churn`, `model iris` or `all`."""
    status: str
    expires_at: datetime | None
    issuer_id: str | None
    client: str | None
    """Whom tokens of that issuer stand for, who need no key."""
    limits: Limits
    last_used_at: datetime | None
    created_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Subscription":
        """Read a subscription of the API."""
        fields = Fields(value, noun="subscription")
        scope, client = fields.mapping("scope"), fields.optional_mapping("client")
        return cls(
            subscription_id=fields.text("subscription_id"),
            name=fields.optional_text("name"),
            display_name=fields.text("display_name"),
            scope=" ".join(str(each) for each in (scope["kind"], scope["name"]) if each is not None),
            status=fields.text("status"),
            expires_at=fields.optional_time("expires_at"),
            issuer_id=None if client is None else str(client["issuer_id"]),
            client=None if client is None else str(client["name"]),
            limits=Limits.from_json(fields.value("limits")),
            last_used_at=fields.optional_time("last_used_at"),
            created_at=fields.optional_time("created_at"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSubscription:
    """A subscription with its keys, which cannot be read again."""

    subscription: Subscription
    primary_key: str
    secondary_key: str

    @classmethod
    def from_json(cls, value: object) -> "NewSubscription":
        """Read a new subscription of the API."""
        fields = Fields(value, noun="new subscription")
        return cls(
            subscription=Subscription.from_json(fields.value("subscription")),
            primary_key=fields.text("primary_key"),
            secondary_key=fields.text("secondary_key"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageTotal:
    """What one subscription called of one API or model."""

    subscription_id: str | None
    """None: without a subscription."""
    api_id: str | None
    model_name: str | None
    calls: int
    refused: int
    over_limit: int
    failed: int
    last_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "UsageTotal":
        """Read a total of the API."""
        fields = Fields(value, noun="usage")
        return cls(
            subscription_id=fields.optional_text("subscription_id"),
            api_id=fields.optional_text("api_id"),
            model_name=fields.optional_text("model_name"),
            calls=fields.integer("calls"),
            refused=fields.integer("refused"),
            over_limit=fields.integer("over_limit"),
            failed=fields.integer("failed"),
            last_at=fields.optional_time("last_at"),
        )


class Products:
    """`client.products`. Changes need the permission `subscriptions:write`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None) -> Iterator[Product]:
        """Products by id, fetched page by page as they are asked for."""
        pages = self._transport.pages(_path("products"), plural="products", query={}, limit=limit)
        return (Product.from_json(item) for item in pages)

    def get(self, product_id: str) -> Product:
        """One product."""
        return Product.from_json(self._transport.get(_path("products", product_id)))

    def create(
        self,
        product_id: str,
        *,
        display_name: str | None = None,
        api_ids: Sequence[str] = (),
        is_open: bool = False,
        limits: Limits = UNLIMITED,
    ) -> Product:
        """Group APIs.

        Args:
            is_open: whether they are called without a subscription.
            limits: of each subscription to the product.
        """
        body = {
            "product_id": product_id,
            "display_name": display_name or product_id,
            "api_ids": list(api_ids),
            "is_open": is_open,
            "limits": limits.to_json(),
        }
        return Product.from_json(self._transport.post(_path("products"), body))

    def change(
        self,
        product_id: str,
        *,
        display_name: str | None = None,
        api_ids: Sequence[str] | None = None,
        is_open: bool | None = None,
        limits: Limits | None = None,
    ) -> Product:
        """Change what is given."""
        wanted = {
            "display_name": display_name,
            "api_ids": None if api_ids is None else list(api_ids),
            "is_open": is_open,
            "limits": None if limits is None else limits.to_json(),
        }
        body = {name: value for name, value in wanted.items() if value is not None}
        return Product.from_json(self._transport.patch(_path("products", product_id), body))

    def delete(self, product_id: str) -> None:
        """Delete a product that nobody is subscribed to."""
        self._transport.send("DELETE", _path("products", product_id))


class Subscriptions:
    """`client.subscriptions`. All of it needs the permission `subscriptions:read` or `subscriptions:write`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None) -> Iterator[Subscription]:
        """Subscriptions, newest first, fetched page by page as they are asked for."""
        pages = self._transport.pages(_path("subscriptions"), plural="subscriptions", query={}, limit=limit)
        return (Subscription.from_json(item) for item in pages)

    def get(self, subscription_id: str) -> Subscription:
        """One subscription."""
        return Subscription.from_json(self._transport.get(_path("subscriptions", subscription_id)))

    def create(
        self,
        display_name: str,
        *,
        product: str | None = None,
        api: str | None = None,
        model: str | None = None,
        expires_at: datetime | None = None,
        client: tuple[str, str] | None = None,
        limits: Limits = UNLIMITED,
        name: str | None = None,
    ) -> NewSubscription:
        """Let somebody call a product, an API, a model, or everything of the tenant when none of them is given.

        Args:
            client: an issuer's id, and whom its tokens name, who needs no key then.
            name: by which files of `modelyard apply` declare it.

        Returns:
            the subscription with its keys, which are returned only here.
        """
        named = [(kind, each) for kind, each in (("product", product), ("api", api), ("model", model)) if each]
        if len(named) > 1:
            raise ValueError(f"expected one of product, api and model, got {' and '.join(kind for kind, _ in named)}")
        kind, target = named[0] if named else ("all", None)
        body = {
            "name": name,
            "display_name": display_name,
            "scope": {"kind": kind, "name": target},
            "expires_at": None if expires_at is None else expires_at.isoformat(),
            "client": None if client is None else {"issuer_id": client[0], "name": client[1]},
            "limits": limits.to_json(),
        }
        return NewSubscription.from_json(self._transport.post(_path("subscriptions"), body))

    def regenerate(self, subscription_id: str, key: str) -> str:
        """Put a new key in place of the `primary` or the `secondary` one; the new key is returned only here."""
        where = _path("subscriptions", subscription_id, "keys", key, "regenerate")
        return Fields(self._transport.post(where), noun="new key").text("key")

    def limit(self, subscription_id: str, limits: Limits) -> Subscription:
        """Limit all requests of a subscription."""
        body = {"limits": limits.to_json()}
        return Subscription.from_json(self._transport.patch(_path("subscriptions", subscription_id), body))

    def suspend(self, subscription_id: str) -> Subscription:
        """Close it until it is activated again."""
        return self._move(subscription_id, "suspend")

    def activate(self, subscription_id: str) -> Subscription:
        """Open one that was suspended."""
        return self._move(subscription_id, "activate")

    def cancel(self, subscription_id: str) -> Subscription:
        """Close it for good."""
        return self._move(subscription_id, "cancel")

    def usage(
        self, *, api: str | None = None, model: str | None = None, subscription: str | None = None
    ) -> Sequence[UsageTotal]:
        """Who called what in the last 30 days, the last used first."""
        query = {"api": api, "model": model, "subscription": subscription}
        answer = Fields(self._transport.get(_path("usage"), query=query), noun="usage")
        return [UsageTotal.from_json(item) for item in answer.items("usage")]

    def limit_api(self, api_id: str, limits: Limits | None) -> None:
        """Limit each subscription that calls an API; None: not any more."""
        if limits is None:
            self._transport.send("DELETE", _path("api-limits", api_id))
        else:
            self._transport.put(_path("api-limits", api_id), limits.to_json())

    def trust_issuer(
        self,
        issuer_id: str,
        *,
        issuer: str,
        audiences: Sequence[str],
        jwks: Mapping[str, Any] | None = None,
        jwks_url: str | None = None,
        client_claim: str = "sub",
        required_claims: Mapping[str, str] | None = None,
    ) -> None:
        """Take tokens (JWT) of an issuer in place of keys, or give its new public keys.

        Args:
            jwks: its public keys (RFC 7517).
            jwks_url: in place of them, where it publishes them; new ones count within minutes.
        """
        body = {
            "issuer": issuer,
            "audiences": list(audiences),
            "jwks": None if jwks is None else dict(jwks),
            "jwks_url": jwks_url,
            "client_claim": client_claim,
            "required_claims": dict(required_claims or {}),
        }
        self._transport.put(_path("token-issuers", issuer_id), body)

    def _move(self, subscription_id: str, verb: str) -> Subscription:
        return Subscription.from_json(self._transport.post(_path("subscriptions", subscription_id, verb)))


def _path(*segments: str) -> str:
    return path(*_GATEWAY, *segments)
