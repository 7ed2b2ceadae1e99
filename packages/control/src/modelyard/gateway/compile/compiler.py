"""The whole table, in order: the gateway's own paths, gRPC, APIs, models, and what nothing matches."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from modelyard.gateway.compile.apis import ApiRoutes, groups
from modelyard.gateway.compile.inputs import GatewayState
from modelyard.gateway.compile.models import model_grpc_routes, model_routes
from modelyard.gateway.compile.routes import RouteMaker
from modelyard.gateway.compile.targets import Targets
from modelyard.gateway.domain import Api, Revision
from modelyard.gateway.table import Match, Respond, Route, RouteTable
from modelyard.principals import FIRST_TENANT

_OWN = Respond(404, "not_found", "paths below /-/ are the gateway's own, and this is none of them")
_NOTHING = Respond(404, "not_found", "there is no API and no deployed model at this path")
_NOTHING_GRPC = Respond(
    404, "not_found", "expected a deployed model in the metadata 'modelyard-model', or an API in 'modelyard-api'"
)


def compile_table(state: GatewayState) -> RouteTable:
    """What a gateway routes by in this state. Every request matches a route."""
    targets = Targets(state)
    routes = tuple(_routes(state, targets))
    return RouteTable(routes=routes, backends=dict(sorted(targets.backends.items())))


def _routes(state: GatewayState, targets: Targets) -> Iterator[Route]:
    gateway = RouteMaker(tenant_id=FIRST_TENANT, name="gateway")
    version_sets = {(each.tenant_id, each.version_set_id): each for each in state.version_sets}
    apis = {(each.tenant_id, each.api_id): each for each in sorted(state.apis, key=_key)}
    api_routes = ApiRoutes(targets, _revisions_by_api(state), apis, version_sets, state.now)
    yield gateway.respond("/own", Match(path="/-", grpc=False), _OWN)
    for api in apis.values():
        yield from api_routes.by_grpc(api)
    for tenant_id, model_name in targets.models():
        yield from model_grpc_routes(targets, tenant_id, model_name, state.model_access)
    yield gateway.respond("/grpc", Match(grpc=True), _NOTHING_GRPC)
    for group in groups(list(apis.values()), version_sets):
        yield from api_routes.of_group(group)
    for tenant_id, model_name in targets.models():
        yield from model_routes(targets, tenant_id, model_name, state.model_access)
    yield gateway.respond("/nothing", Match(), _NOTHING)


def _revisions_by_api(state: GatewayState) -> Mapping[tuple[str, str], list[Revision]]:
    found: dict[tuple[str, str], list[Revision]] = defaultdict(list)
    for revision in sorted(state.revisions, key=lambda each: each.number):
        found[revision.tenant_id, revision.api_id].append(revision)
    return found


def _key(api: Api) -> tuple[str, str]:
    return api.tenant_id, api.api_id
