"""Puts Azure API Management together: what is pushed, where Azure reaches it, and the job that pushes."""

from collections.abc import Iterator, Sequence

from modelyard.apim.backends import Backends
from modelyard.apim.domain import PushedProduct, Refusal, Skipped
from modelyard.apim.routes import apim_routes
from modelyard.apim.service import AzureGateway
from modelyard.apim.workflows import Pushing
from modelyard.db import Database
from modelyard.deployments.installation import installation_of
from modelyard.deployments.service import DeploymentService
from modelyard.gateway.objects import GatewayObjects
from modelyard.http.routing import APIRouter
from modelyard.jobs.service import JobService
from modelyard.main.context import Context
from modelyard.main.subscriptions import SubscriptionParts
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage
from modelyard.subscriptions.domain import Product
from modelyard.subscriptions.limits import Limits
from modelyard.traffic.service import TrafficService

_MANY = 100_000
"""A service of Azure API Management has fewer."""


class _Pushed(GatewayObjects):
    """The gateway's objects, and those of the nouns beside it, as Azure API Management has them."""

    def __init__(self, database: Database, subscriptions: SubscriptionParts, traffic: TrafficService) -> None:
        super().__init__(database)
        self._subscriptions = subscriptions
        self._traffic = traffic

    def products(self, principal: Principal) -> Sequence[PushedProduct]:
        """All of them."""
        found = self._subscriptions.products.page(principal, limit=_MANY, cursor=None).items
        return [_pushed_product(each) for each in sorted(found, key=lambda each: each.product_id)]

    def refusals(self, principal: Principal) -> Sequence[Refusal]:
        """Limits that Azure API Management counts otherwise, and what it cannot do with traffic."""
        products = self._subscriptions.products.page(principal, limit=_MANY, cursor=None).items
        limits = [(each.subject, each.limits) for each in products]
        limits += [(f"apis/{each.api_id}", each.limits) for each in self._subscriptions.limits.list(principal)]
        return [
            *(refusal for subject, each in limits for refusal in _refused_limits(subject, each)),
            *self._refused_traffic(principal),
        ]

    def skipped(self, principal: Principal) -> Sequence[Skipped]:
        """Subscriptions: their keys are known here as hashes only."""
        found = self._subscriptions.subscriptions.page(principal, limit=_MANY, cursor=None).items
        reason = "its keys are known here as hashes only, so Azure would make others: subscribe there"
        return [Skipped(each.subject, reason) for each in found]

    def _refused_traffic(self, principal: Principal) -> Iterator[Refusal]:
        """Of APIs that follow a stage: Azure sends their requests to one version.

        One that is bound to the model itself is reached through our gateway, which divides them.
        """
        splits = {each.model_name: each.split for each in self._traffic.of_tenant(principal)}
        for api in self.apis(principal) if splits else ():
            for revision in self.revisions(principal, api.api_id):
                target = revision.target
                split = splits.get(target.model_name or "")
                if split is None or target.stage is not Stage.PRODUCTION or not revision.is_online:
                    continue
                parts = {"shares": len(split.shares) > 1, "sticky": split.sticky, "shadow": split.shadow}
                for name in (name for name, is_there in parts.items() if is_there):
                    reason = (
                        f"bind revision {revision.number} to '{target.model_name}' itself, which our gateway divides"
                    )
                    yield Refusal(api.subject, f"traffic.{name}", reason)


def _pushed_product(product: Product) -> PushedProduct:
    rate = product.limits.rate
    return PushedProduct(
        product.product_id,
        product.display_name,
        product.description,
        sorted(product.api_ids),
        needs_subscription=not product.is_open,
        calls=None if rate is None else rate.calls,
        seconds=None if rate is None else rate.seconds,
    )


def _refused_limits(subject: str, limits: Limits) -> Iterator[Refusal]:
    if limits.quota is not None:
        yield Refusal(subject, "limits.quota", "Azure API Management knows no spans of the calendar")
    if not limits.is_enforced:
        yield Refusal(subject, "limits.is_enforced", "Azure API Management enforces every limit")
    if subject.startswith("apis/") and limits.rate is not None:
        yield Refusal(subject, "limits.rate", "limits of single APIs are not pushed: limit a product")


class ApimParts:
    """Azure API Management, where the operator has configured a service."""

    def __init__(
        self,
        context: Context,
        *,
        jobs: JobService,
        registry: RegistryService,
        deployments: DeploymentService,
        subscriptions: SubscriptionParts,
        traffic: TrafficService,
    ) -> None:
        settings = context.settings.apim
        self.gateway = AzureGateway(
            service=context.adapters.api_management,
            objects=_Pushed(context.database, subscriptions, traffic),
            backends=Backends(
                registry=registry,
                deployments=deployments,
                documents=context.adapters.documents,
                gateway_url=settings.apim_backend_url,
            ),
            clock=context.clock,
            tenant_id=settings.apim_tenant,
            installation=installation_of(context.settings.storage.database),
        )
        self.pushing = Pushing(jobs=jobs, gateway=self.gateway)

    def routes(self) -> Sequence[APIRouter]:
        """The surface of Azure API Management."""
        return [apim_routes(self.gateway, self.pushing)]
