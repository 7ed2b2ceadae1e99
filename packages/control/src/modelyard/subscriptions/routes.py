"""The routes of products, subscriptions and usage."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query, Response

from modelyard.http.guard import Requires
from modelyard.http.moment import Moment
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.ports.clock import Clock
from modelyard.principals import Permission, Principal
from modelyard.subscriptions.domain import KeyName, Subscription
from modelyard.subscriptions.products import Products
from modelyard.subscriptions.schemas import (
    NewKeyAnswer,
    NewSubscriptionAnswer,
    ProductAnswer,
    ProductChange,
    ProductRequest,
    ProductsAnswer,
    QuotasAnswer,
    QuotaStandingAnswer,
    SubscriptionAnswer,
    SubscriptionChange,
    SubscriptionRequest,
    SubscriptionsAnswer,
    UsageAnswer,
    UsageTotalAnswer,
)
from modelyard.subscriptions.service import Subscriptions
from modelyard.subscriptions.states import SubscriptionStatus
from modelyard.subscriptions.usage import Usage

ReadApis = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Read = Annotated[Principal, Depends(Requires(Permission.SUBSCRIPTIONS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.SUBSCRIPTIONS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
Name = Annotated[str | None, Query(min_length=1, max_length=255)]
PREFIX = "/api/v1/gateway"
_USAGE_DAYS = 30


def product_routes(products: Products) -> APIRouter:
    """APIs that are subscribed to together."""
    router = APIRouter(prefix=f"{PREFIX}/products", tags=["gateway"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_products(caller: ReadApis, limit: Limit = 50, cursor: Cursor = None) -> ProductsAnswer:
        """All products, by id."""
        page = products.page(caller, limit=limit, cursor=cursor)
        return ProductsAnswer(products=[ProductAnswer.of(each) for each in page.items], next_cursor=page.next_cursor)

    @router.post("", status_code=201)
    def create_product(caller: Write, body: ProductRequest, response: Response) -> ProductAnswer:
        """Make a product."""
        product = products.create(
            caller,
            product_id=body.product_id,
            display_name=body.display_name,
            description=body.description,
            api_ids=body.api_ids,
            is_open=body.is_open,
            limits=body.limits.limits(),
        )
        set_etag(response, product.revision)
        return ProductAnswer.of(product)

    @router.get("/{product_id}")
    def one_product(caller: ReadApis, product_id: str, response: Response) -> ProductAnswer:
        """One product."""
        product = products.get(caller, product_id)
        set_etag(response, product.revision)
        return ProductAnswer.of(product)

    @router.patch("/{product_id}")
    def change_product(
        caller: Write, product_id: str, body: ProductChange, expected: ExpectedRevision, response: Response
    ) -> ProductAnswer:
        """Change a product: its APIs, its limits, whether it is open."""
        product = products.change(caller, product_id, revision=expected, **body.wanted())
        set_etag(response, product.revision)
        return ProductAnswer.of(product)

    @router.delete("/{product_id}", status_code=204)
    def delete_product(caller: Write, product_id: str) -> None:
        """Delete a product that nobody is subscribed to."""
        products.delete(caller, product_id)

    return router


class _Answers:
    """Subscriptions as they are answered: with the clock's word on their status, and with their last use."""

    def __init__(self, usage: Usage, clock: Clock) -> None:
        self._usage = usage
        self._clock = clock

    def all(self, caller: Principal, found: Sequence[Subscription]) -> list[SubscriptionAnswer]:
        """Some of them."""
        last = self._usage.last_used(caller, [each.subscription_id for each in found])
        now = self._clock.now()
        return [SubscriptionAnswer.of(each, now=now, last_used_at=last.get(each.subscription_id)) for each in found]

    def one(self, caller: Principal, found: Subscription, response: Response) -> SubscriptionAnswer:
        """One of them, with its revision as the tag of the answer."""
        set_etag(response, found.revision)
        (answer,) = self.all(caller, [found])
        return answer


def subscription_reads(subscriptions: Subscriptions, usage: Usage, clock: Clock) -> APIRouter:
    """Who may call the gateway."""
    router = APIRouter(prefix=f"{PREFIX}/subscriptions", tags=["gateway"])
    answers = _Answers(usage, clock)

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_subscriptions(caller: Read, limit: Limit = 50, cursor: Cursor = None) -> SubscriptionsAnswer:
        """All subscriptions, newest first, those that are closed too."""
        page = subscriptions.page(caller, limit=limit, cursor=cursor)
        return SubscriptionsAnswer(subscriptions=answers.all(caller, page.items), next_cursor=page.next_cursor)

    @router.get("/{subscription_id}")
    def one_subscription(caller: Read, subscription_id: str, response: Response) -> SubscriptionAnswer:
        """One subscription."""
        return answers.one(caller, subscriptions.get(caller, subscription_id), response)

    @router.get("/{subscription_id}/quotas")
    def list_quotas(caller: Read, subscription_id: str) -> QuotasAnswer:
        """How much of each quota is used."""
        found = usage.standings(caller, subscriptions.get(caller, subscription_id))
        return QuotasAnswer(quotas=[QuotaStandingAnswer.of(each) for each in found])

    return router


def subscription_writes(subscriptions: Subscriptions, usage: Usage, clock: Clock) -> APIRouter:
    """Make and change subscriptions, and give them other keys."""
    router = APIRouter(prefix=f"{PREFIX}/subscriptions", tags=["gateway"])
    answers = _Answers(usage, clock)

    @router.post("", status_code=201)
    def create_subscription(caller: Write, body: SubscriptionRequest, response: Response) -> NewSubscriptionAnswer:
        """Make a subscription. Its keys are returned only here."""
        subscription, keys = subscriptions.create(
            caller,
            name=body.name,
            display_name=body.display_name,
            scope=body.scope.scope(),
            expires_at=body.expires_at,
            client=None if body.client is None else body.client.client(),
            limits=body.limits.limits(),
        )
        set_etag(response, subscription.revision)
        return NewSubscriptionAnswer.of(subscription, keys, now=clock.now())

    @router.patch("/{subscription_id}")
    def change_subscription(
        caller: Write, subscription_id: str, body: SubscriptionChange, expected: ExpectedRevision, response: Response
    ) -> SubscriptionAnswer:
        """Change a subscription: its name, its expiry, its limits, whom tokens stand for."""
        changed = subscriptions.change(caller, subscription_id, revision=expected, **body.wanted())
        return answers.one(caller, changed, response)

    @router.post("/{subscription_id}/keys/{key_name}/regenerate")
    def regenerate_key(caller: Write, subscription_id: str, key_name: KeyName) -> NewKeyAnswer:
        """Put a new key in place of the primary or the secondary one. It is returned only here."""
        _, key = subscriptions.regenerate(caller, subscription_id, key_name)
        return NewKeyAnswer(subscription_id=subscription_id, name=key_name, key=key)

    @router.post("/{subscription_id}/suspend")
    def suspend_subscription(caller: Write, subscription_id: str, response: Response) -> SubscriptionAnswer:
        """Close a subscription until it is activated again."""
        return answers.one(caller, subscriptions.move(caller, subscription_id, SubscriptionStatus.SUSPENDED), response)

    @router.post("/{subscription_id}/activate")
    def activate_subscription(caller: Write, subscription_id: str, response: Response) -> SubscriptionAnswer:
        """Open a subscription that was suspended."""
        return answers.one(caller, subscriptions.move(caller, subscription_id, SubscriptionStatus.ACTIVE), response)

    @router.post("/{subscription_id}/cancel")
    def cancel_subscription(caller: Write, subscription_id: str, response: Response) -> SubscriptionAnswer:
        """Close a subscription for good."""
        return answers.one(caller, subscriptions.move(caller, subscription_id, SubscriptionStatus.CANCELLED), response)

    return router


def usage_routes(usage: Usage, clock: Clock) -> APIRouter:
    """Who called what."""
    router = APIRouter(prefix=f"{PREFIX}/usage", tags=["gateway"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_usage(
        caller: ReadApis,
        api: Name = None,
        model: Name = None,
        subscription: Name = None,
        since: Annotated[Moment | None, Query()] = None,
    ) -> UsageAnswer:
        """Calls of each subscription and API since a moment, 30 days ago when it is not given: who still calls v1."""
        start = since or clock.now() - timedelta(days=_USAGE_DAYS)
        scope = f"api:{api}" if api is not None else f"model:{model}" if model is not None else None
        totals = usage.totals(caller, since=start, subscription_id=subscription, scope=scope)
        return UsageAnswer(since=start, usage=[UsageTotalAnswer.of(each) for each in totals])

    return router
