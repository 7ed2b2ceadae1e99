"""The compiled table answers as the rules read, and never with another tenant's server."""

from random import Random
from urllib.parse import quote

from gateway_worlds import TENANTS, random_request, random_state
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_gateway import REDIRECTED, REJECTED, Answered, NaiveGateway, Outcome, Sent

from modelyard.gateway.compile import compile_table
from modelyard.gateway.evaluate import Request, find_route, normal_path, path_left
from modelyard.gateway.table import Forward, RedirectToHttps, Respond, RouteTable

_SEGMENT = st.text("abmnluchrvx12@%;-._~=/\\:€ß ", max_size=12).map(lambda text: quote(text, safe="%;@=:/\\"))


def outcome(table: RouteTable, request: Request) -> Outcome:
    """What the table says, in the words of the naive reading."""
    route = find_route(table, request)
    if route is None:
        return REJECTED
    match route.action:
        case Respond() as respond:
            return Answered(respond.status, respond.code)
        case RedirectToHttps():
            return REDIRECTED
        case Forward() as forward:
            (destination,) = forward.destinations
            backend = destination.backend
            left = path_left(normal_path(request.path) or "", forward.strip)
            return Sent(f"url-{route.tenant_id}" if backend.startswith("url-") else backend, left)


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_table_answers_as_the_rules_read(random: Random) -> None:
    state = random_state(random)
    table, naive = compile_table(state), NaiveGateway(state)
    assert len({route.name for route in table.routes}) == len(table.routes)
    for _ in range(40):
        request = random_request(random, state)
        assert outcome(table, request) == naive.outcome(request), request


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(_SEGMENT, max_size=5), st.sampled_from([*TENANTS, "", "@acme"]))
def test_no_path_and_no_header_leads_to_a_server_of_another_tenant(
    random: Random, segments: list[str], tenant: str
) -> None:
    state = random_state(random)
    table = compile_table(state)
    base = random_request(random, state)
    for path in ("/" + "/".join(segments), base.path + "/" + "/".join(segments)):
        for headers in (base.headers, {**base.headers, "modelyard-tenant": [tenant]}):
            request = Request(path=path, query=base.query, headers=headers, authority=base.authority)
            route = find_route(table, request)
            if route is None or not isinstance(route.action, Forward):
                continue
            first = (normal_path(path) or "").split("/")[1]
            asked = ",".join(headers.get("modelyard-tenant", [])) if request.is_grpc else first.removeprefix("@")
            owner = "acme" if asked == "acme" and (request.is_grpc or first == "@acme") else "default"
            for destination in route.action.destinations:
                assert route.tenant_id == owner
                assert destination.backend.startswith((f"dep-{owner}-", "url-"))
