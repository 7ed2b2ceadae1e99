"""The whole table, in order: the gateway's own paths, gRPC, APIs, models, and what nothing matches."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from modelyard.gateway.compile.apis import ApiRoutes, groups
from modelyard.gateway.compile.inputs import GatewayState
from modelyard.gateway.compile.models import model_grpc_routes, model_routes
from modelyard.gateway.compile.routes import RouteMaker
from modelyard.gateway.compile.spelling import depth
from modelyard.gateway.compile.targets import Targets
from modelyard.gateway.domain import Api, Revision
from modelyard.gateway.table import Match, Respond, Route, RoutePart, RouteTable
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
    """Every route with its part. Of equal rank are those whose order is of no consequence."""
    gateway = RouteMaker(tenant_id=FIRST_TENANT, name="gateway")
    version_sets = {(each.tenant_id, each.version_set_id): each for each in state.version_sets}
    apis = {(each.tenant_id, each.api_id): each for each in sorted(state.apis, key=_key)}
    api_routes = ApiRoutes(targets, _revisions_by_api(state), apis, version_sets, state.now)
    yield from _in(RoutePart(None, (0,)), [gateway.respond("/own", Match(path="/-", grpc=False), _OWN)])
    for api in apis.values():
        part = RoutePart(path_part(api.tenant_id, api.path), (1, api.tenant_id, api.api_id))
        yield from _in(part, api_routes.by_grpc(api))
    for tenant_id, model_name in targets.models():
        part = RoutePart(model_part(tenant_id, model_name), (2, tenant_id, model_name))
        yield from _in(part, model_grpc_routes(targets, tenant_id, model_name, state.model_access))
    yield from _in(RoutePart(None, (3,)), [gateway.respond("/grpc", Match(grpc=True), _NOTHING_GRPC)])
    for group in groups(list(apis.values()), version_sets):
        rank = (4, group.tenant_id, -depth(group.path), group.path)
        yield from _in(RoutePart(path_part(group.tenant_id, group.path), rank), api_routes.of_group(group))
    for tenant_id, model_name in targets.models():
        part = RoutePart(model_part(tenant_id, model_name), (5, tenant_id, model_name))
        yield from _in(part, model_routes(targets, tenant_id, model_name, state.model_access))
    yield from _in(RoutePart(None, (6,)), [gateway.respond("/nothing", Match(), _NOTHING)])


def path_part(tenant_id: str, path: str) -> str:
    """Names the routes of all APIs of a tenant at a path: they are versions of one another."""
    return f"{tenant_id}/paths/{path}"


def model_part(tenant_id: str, model_name: str) -> str:
    """Names the routes of the stable address of a model."""
    return f"{tenant_id}/models/{model_name}"


def _in(part: RoutePart, routes: Iterable[Route]) -> Iterator[Route]:
    return (replace(each, part=part) for each in routes)


def _revisions_by_api(state: GatewayState) -> Mapping[tuple[str, str], list[Revision]]:
    found: dict[tuple[str, str], list[Revision]] = defaultdict(list)
    for revision in sorted(state.revisions, key=lambda each: each.number):
        found[revision.tenant_id, revision.api_id].append(revision)
    return found


def _key(api: Api) -> tuple[str, str]:
    return api.tenant_id, api.api_id
