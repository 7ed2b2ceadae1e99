"""A real Envoy routes as the table says: the same requests are given to both."""

from collections.abc import Iterator
from random import Random
from urllib.parse import urlsplit

import pytest
from gateway_worlds import BACKENDS, random_request, random_state
from routing_envoy import Reply, RoutingEnvoy, routing_envoy

from modelyard.gateway.compile import compile_table
from modelyard.gateway.evaluate import Request, find_route, normal_path, path_left
from modelyard.gateway.table import (
    Backend,
    Destination,
    Endpoint,
    Forward,
    Match,
    RedirectToHttps,
    Respond,
    Route,
    RouteTable,
)

_TLS_PORT = 8443
_GRPC_STATUS = {400: "3", 403: "7", 404: "5", 410: "5", 503: "14"}


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoutingEnvoy]:
    with routing_envoy(tmp_path_factory.mktemp("envoy"), BACKENDS) as running:
        yield running


def check(table: RouteTable, request: Request, reply: Reply) -> str:
    """Compare what the table says with what came; what kind of answer it was."""
    route = find_route(table, request)
    if route is None:
        assert reply.status == 400, reply
        return "rejected"
    if isinstance(route.action, Respond):
        if request.is_grpc:
            assert reply.headers["grpc-status"] == _GRPC_STATUS[route.action.status], (route, reply)
        else:
            assert (reply.status, reply.body) == (route.action.status, route.action.message), route
    elif isinstance(route.action, RedirectToHttps):
        assert reply.status == 308
        assert urlsplit(reply.headers["location"])[:2] == (
            "https",
            f"{request.authority.partition(':')[0]}:{_TLS_PORT}",
        )
    else:
        assert reply.status == 200, (route, reply)
        protocol = "grpc" if route.match.grpc else "http"
        assert reply.seen["cluster"] in {f"{each.backend}.{protocol}" for each in route.action.destinations}
        query = f"?{request.query}" if request.query else ""
        assert reply.seen["path"] == path_left(normal_path(request.path) or "", route.action.strip) + query
    for name, value in route.response_headers.items():
        assert reply.headers[name] == value
    return type(route.action).__name__


def test_envoy_answers_every_request_as_the_table_does(envoy: RoutingEnvoy) -> None:
    random, kinds = Random(13), set[str]()
    for _ in range(12):
        state = random_state(random)
        table = compile_table(state)
        envoy.use(table, https_port=_TLS_PORT)
        for _ in range(100):
            request = random_request(random, state)
            kinds.add(check(table, request, envoy.ask(request)))
    assert kinds == {"Respond", "Forward", "RedirectToHttps"}


@pytest.mark.parametrize("authority", ["models.example.com", "models.example.com:8080"])
def test_a_caller_without_tls_is_sent_to_the_same_host(envoy: RoutingEnvoy, authority: str) -> None:
    only_tls = Route(name="all", tenant_id="default", match=Match(), action=RedirectToHttps())
    envoy.use(RouteTable((only_tls,), {}), https_port=443)
    reply = envoy.ask(Request(path="/churn", query="a=b", authority=authority))
    assert (reply.status, reply.headers["location"]) == (308, "https://models.example.com:443/churn?a=b")


PATHS = [
    "/ch%75rn/x",
    "/churn/./x",
    "/churn/../churn",
    "//churn//x",
    "/%63hurn",
    "/churn/..%2fx",
    "/churn%5cx",
    "/churn%2Fx",
    "/churn/%2e%2e/churn",
    "/churn/a%20b",
    "/churn/a;b",
    "/churn?x",
    "/churn/",
    "/churn/..",
    "/",
    "/churn/.",
    "/x/../../churn",
    "/churn/%C3%B6",
    "/churn/a%00b",
    "/churn\\x",
    "/chur%6E/%7Euser",
    "/churn/%zz",
    "/churn/%",
    "/churn/a+b&c=d",
    "/churn//../x",
    "/churn/a%2Eb/%2E",
]


@pytest.mark.parametrize("path", PATHS)
def test_the_normal_form_of_a_path_is_envoys(envoy: RoutingEnvoy, path: str) -> None:
    forward = Forward(destinations=(Destination(BACKENDS[0], 1),))
    backend = Backend(name=BACKENDS[0], endpoints=(Endpoint("127.0.0.1", 1),))
    table = RouteTable((Route(name="all", tenant_id="default", match=Match(), action=forward),), {BACKENDS[0]: backend})
    envoy.use(table)
    given, _, query = path.partition("?")
    reply = envoy.ask(Request(path=given, query=query))
    normal = normal_path(given)
    assert normal == (None if reply.status == 400 else reply.seen["path"].partition("?")[0])
