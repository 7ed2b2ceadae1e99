"""Puts APIs together: version sets, revisions, releases, where service URLs lead, where a request would go."""

from collections.abc import Callable, Collection, Mapping, Sequence

from modelyard.deployments.service import DeploymentService
from modelyard.gateway.change_routes import change_routes
from modelyard.gateway.compile import GatewayState, compile_table
from modelyard.gateway.explain import Explaining
from modelyard.gateway.explain_routes import explain_routes
from modelyard.gateway.releases import Releases
from modelyard.gateway.routes import api_routes, release_routes, version_set_routes
from modelyard.gateway.service import GatewayService
from modelyard.gateway.state_reader import Resolve
from modelyard.gateway.table import Endpoint
from modelyard.gateway.target_check import TargetCheck
from modelyard.gateway.version_sets import VersionSets
from modelyard.http.routing import APIRouter
from modelyard.main.context import Context
from modelyard.ports.service_hosts import ServiceHosts
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService
from modelyard.subscriptions.api_deletion import ApiDeletion


class ApiParts:
    """What people say that the gateway leads to.

    Args:
        read_state: what the route table is compiled from now.
        may_see: whether an API is one of the caller's.
        refused_routes: which parts of a tenant's routes the gateway refuses, and why.
    """

    def __init__(
        self,
        context: Context,
        *,
        registry: RegistryService,
        deployments: DeploymentService,
        read_state: Callable[[], GatewayState],
        may_see: Callable[[Principal, str], bool],
        refused_routes: Callable[[str], Mapping[str, str]],
    ) -> None:
        database, clock, audit = context.database, context.clock, context.audit
        self._clock = clock
        self.targets = TargetCheck(registry=registry, deployments=deployments, hosts=context.adapters.service_hosts)
        self._may_see = may_see
        self.version_sets = VersionSets(database=database, clock=clock, audit=audit)
        self.apis = GatewayService(
            database=database,
            clock=clock,
            audit=audit,
            targets=self.targets,
            end_access=ApiDeletion(clock=clock, audit=audit).within,
        )
        self.releases = Releases(
            database=database, clock=clock, audit=audit, registry=registry, deployments=deployments
        )
        self._refused_routes = refused_routes
        self._explaining = Explaining(table=lambda: compile_table(read_state()), refused_routes=refused_routes)

    def routes(self) -> Sequence[APIRouter]:
        """The surface `/api/v1/gateway` of version sets, APIs and releases."""
        return [
            version_set_routes(self.version_sets),
            api_routes(self.apis, self._clock, refused_routes=self._refused_routes),
            release_routes(self.releases),
            change_routes(self.apis, self.releases, self._clock, may_see=self._may_see),
            explain_routes(self._explaining),
        ]


def resolving(hosts: ServiceHosts) -> Resolve:
    """Says where service URLs lead: to addresses that the gateway may call."""

    def resolve(urls: Collection[str]) -> Mapping[str, Sequence[Endpoint]]:
        return {url: [Endpoint(host, port) for host, port in places] for url, places in hosts.find(urls).items()}

    return resolve
