"""Puts Azure API Management together: what is pushed, where Azure reaches it, and the job that pushes."""

from collections.abc import Sequence

from fastapi import APIRouter

from modelyard.apim.backends import Backends
from modelyard.apim.domain import PushedProduct, Refusal
from modelyard.apim.routes import apim_routes
from modelyard.apim.service import AzureGateway
from modelyard.apim.workflows import Pushing
from modelyard.deployments.installation import installation_of
from modelyard.deployments.service import DeploymentService
from modelyard.gateway.objects import GatewayObjects
from modelyard.gateway_code.export import Exports
from modelyard.gateway_code.routes import gateway_code_routes
from modelyard.jobs.service import JobService
from modelyard.main.context import Context
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService


class _Pushed(GatewayObjects):
    """The gateway's objects, and those of the nouns beside it, as Azure API Management has them."""

    def products(self, _: Principal) -> Sequence[PushedProduct]:
        """All of them."""
        return ()

    def refusals(self, _: Principal) -> Sequence[Refusal]:
        """What the gateway does with traffic that Azure API Management cannot."""
        return ()


class ApimParts:
    """Azure API Management, where the operator has configured a service."""

    def __init__(
        self, context: Context, jobs: JobService, registry: RegistryService, deployments: DeploymentService
    ) -> None:
        settings = context.settings.apim
        self.gateway = AzureGateway(
            service=context.adapters.api_management,
            objects=_Pushed(context.database),
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
        self.exports = Exports(azure=self.gateway)

    def routes(self) -> Sequence[APIRouter]:
        """The surface of Azure API Management and of exports."""
        return [apim_routes(self.gateway, self.pushing), gateway_code_routes(self.exports)]
