"""The route table as objects of the Gateway API: what each field becomes, and what is refused by name."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from apim_world import PETRA

from modelyard.errors import Invalid
from modelyard.gateway.table import (
    Access,
    Backend,
    Destination,
    Endpoint,
    Forward,
    Match,
    MatchKind,
    Mirror,
    RedirectToHttps,
    Respond,
    Route,
    RouteTable,
    Sticky,
    StickyBy,
    ValueMatch,
)
from modelyard.gateway_code.export import ExportOptions, Exports, Format
from modelyard.gateway_code.gateway_api import GatewayApiObjects, gateway_api_objects
from modelyard.main.control_plane import ControlPlane

_MODELS = os.environ.get("MODELYARD_GATEWAY_API_MODELS")
_V1 = Backend("v1", (Endpoint("churn-v1.models.svc.cluster.local", 8080),))
_V2 = Backend("v2", (Endpoint("churn-v2.models.svc", 8080),))
_ALL = Forward((Destination("v1", 1),))
_BACKENDS = {each.name: each for each in (_V1, _V2)}


def _route(**fields: Any) -> Route:
    given: dict[str, Any] = {
        "name": "churn-v1",
        "tenant_id": "default",
        "match": Match(path="/churn/v1"),
        "action": Forward((Destination("v1", 9000), Destination("v2", 1000)), strip=2),
        "api_id": "churn-v1",
    }
    return Route(**{**given, **fields})


def _objects(*routes: Route, backends: dict[str, Backend] = _BACKENDS) -> GatewayApiObjects:
    return gateway_api_objects(RouteTable(routes, backends), gateway="public", namespace="gateways")


def _rule(*routes: Route) -> dict[str, Any]:
    found = _objects(*routes)
    assert not found.refusals
    rule: dict[str, Any] = found.objects[0]["spec"]["rules"][0]
    return rule


class TestExpressed:
    def test_weights_paths_and_services(self) -> None:
        rule = _rule(_route())

        assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/churn/v1"}}]
        assert rule["backendRefs"] == [
            {"name": "churn-v1", "namespace": "models", "port": 8080, "weight": 9000},
            {"name": "churn-v2", "namespace": "models", "port": 8080, "weight": 1000},
        ]
        rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
        assert rule["filters"] == [{"type": "URLRewrite", "urlRewrite": rewrite}]

    @pytest.mark.parametrize(
        ("strip", "above", "replaced"), [(1, "", "/v1"), (2, "/base", "/base"), (0, "/base/", "/base/churn/v1")]
    )
    def test_what_is_left_of_a_path(self, strip: int, above: str, replaced: str) -> None:
        route = _route(action=Forward((Destination("v1", 1),), strip=strip))
        found = _objects(route, backends={"v1": replace(_V1, path=above)})

        (rewrite,) = found.objects[0]["spec"]["rules"][0]["filters"]
        assert rewrite["urlRewrite"]["path"]["replacePrefixMatch"] == replaced

    def test_headers_parameters_methods_and_a_timeout(self) -> None:
        match = Match(
            path="/churn",
            methods=frozenset({"POST", "GET"}),
            headers=(ValueMatch("api-version", MatchKind.EXACT, "v1"),),
            query=(ValueMatch("v", MatchKind.EXACT, "1"),),
        )
        rule = _rule(_route(match=match, action=Forward((Destination("v1", 1),), timeout_seconds=1.5)))

        assert [each["method"] for each in rule["matches"]] == ["GET", "POST"]
        assert rule["matches"][0]["headers"] == [{"type": "Exact", "name": "api-version", "value": "v1"}]
        assert rule["matches"][0]["queryParams"] == [{"type": "Exact", "name": "v", "value": "1"}]
        assert rule["timeouts"] == {"request": "1500ms"}

    @pytest.mark.parametrize(
        ("percent", "said"), [(10, {"percent": 10}), (0.5, {"fraction": {"numerator": 50, "denominator": 10_000}})]
    )
    def test_mirrors(self, percent: float, said: dict[str, Any]) -> None:
        rule = _rule(_route(action=Forward((Destination("v1", 1),), mirrors=(Mirror("v2", percent),))))

        reference = {"backendRef": {"name": "churn-v2", "namespace": "models", "port": 8080}}
        assert rule["filters"] == [{"type": "RequestMirror", "requestMirror": {**reference, **said}}]

    def test_a_redirect_is_of_the_plain_listener_only(self) -> None:
        found = _objects(_route(match=Match(path="/churn/v1", plain_http=True), action=RedirectToHttps()))

        (route,) = found.objects
        assert route["spec"]["parentRefs"] == [{"name": "public", "sectionName": "http"}]
        assert route["spec"]["rules"][0]["filters"][0]["requestRedirect"] == {"scheme": "https", "statusCode": 301}

    def test_no_route_has_more_rules_than_it_may(self) -> None:
        found = _objects(*(_route(name=f"r{number}", match=Match(path=f"/r/{number}")) for number in range(20)))

        assert [len(each["spec"]["rules"]) for each in found.objects] == [16, 4]
        assert len({each["metadata"]["name"] for each in found.objects}) == 2


@pytest.mark.skipif(
    not _MODELS, reason="MODELYARD_GATEWAY_API_MODELS names no folder with @kubernetes-models/gateway-api"
)
class TestSchemas:
    """By the definitions of the Gateway API itself."""

    def test_what_is_written_is_valid(self) -> None:
        match = Match(
            path="/churn",
            methods=frozenset({"POST", "GET"}),
            headers=(ValueMatch("api-version", MatchKind.EXACT, "v1"),),
            query=(ValueMatch("v", MatchKind.EXACT, "1"),),
        )
        action = Forward(
            (Destination("v1", 1),),
            timeout_seconds=1.5,
            mirrors=(Mirror("v2", 0.5), Mirror("v2", 10)),
            request_headers={"x": "y"},
        )
        found = _objects(
            _route(name="plain", match=Match(path="/churn/v1;rev=1", plain_http=True), action=RedirectToHttps()),
            _route(),
            _route(name="all", match=match, action=action, response_headers={"deprecation": "@1"}),
        )

        assert not found.refusals
        assert _faults(list(found.objects)) == ""

    def test_what_is_not_valid_is_found(self) -> None:
        (route,) = _objects(_route()).objects
        wrong = {**route, "spec": {**route["spec"], "rules": [{"matches": [{"path": {"type": "Nope"}}]}]}}

        assert "path/type" in _faults([wrong])


def _faults(objects: list[Any]) -> str:
    script = Path(__file__).with_name("validate_http_routes.mjs")
    command = ["node", str(script), str(_MODELS)]
    done = subprocess.run(command, input=json.dumps(objects), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestRefused:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"access": Access(needs_subscription=True)}, "access.needs_subscription"),
            ({"action": Forward((), sticky=Sticky(StickyBy.CLIENT, None, "salt"))}, "sticky"),
            ({"match": Match(path="/churn", grpc=True)}, "match.grpc"),
            ({"match": Match(path="/churn", segments=("v[0-9]+",))}, "match.segments"),
            ({"match": Match(headers=(ValueMatch("v", MatchKind.ABSENT),))}, "match.headers.v"),
            ({"match": Match(headers=(ValueMatch(":authority", MatchKind.EXACT, "a"),))}, "match.headers.:authority"),
            ({"match": Match(query=(ValueMatch("v", MatchKind.REPEATED),))}, "match.query.v"),
            ({"match": Match(path="/churn"), "action": Forward((Destination("v1", 1),), strip=2)}, "strip"),
        ],
    )
    def test_each_by_the_name_of_its_field(self, fields: dict[str, Any], field: str) -> None:
        found = _objects(_route(**fields))

        assert [each.field for each in found.refusals] == [field]
        assert not found.objects

    @pytest.mark.parametrize(
        "backend",
        [
            replace(_V1, uses_tls=True),
            replace(_V1, endpoints=(Endpoint("10.0.0.1", 8080),)),
            replace(_V1, endpoints=()),
            replace(_V1, endpoints=(*_V1.endpoints, *_V2.endpoints)),
        ],
    )
    def test_what_is_no_service_of_the_cluster(self, backend: Backend) -> None:
        found = _objects(_route(action=Forward((Destination("v1", 1),))), backends={"v1": backend})

        assert [each.field for each in found.refusals] == ["backends.v1"]

    def test_an_order_that_the_standard_does_not_keep(self) -> None:
        general, special = _route(name="general", match=Match(path="/churn"), action=_ALL), _route(name="special")

        assert not _objects(special, general).refusals
        assert [each.sentence for each in _objects(general, special).refusals] == [
            "special: order: the standard takes it before 'general'"
        ]

    def test_what_nothing_serves_now_is_refused(self) -> None:
        found = _objects(_route(action=Respond(503, "no_version_serves", "later")))

        assert [each.field for each in found.refusals] == ["destinations"]

    def test_answers_in_place_of_a_server_are_noted(self) -> None:
        found = _objects(_route(action=Respond(410, "api_retired", "gone")))

        assert found.notes == ["churn-v1: it answers 410 (api_retired), which becomes 404"]
        assert not found.objects


class TestExport:
    def test_it_is_refused_unless_it_is_partial(self, sqlite_control_plane: ControlPlane) -> None:
        table = RouteTable(
            (
                _route(match=Match(path="/churn/v1", methods=frozenset({"GET", "POST"}))),
                _route(name="keyed", access=Access(needs_subscription=True)),
            ),
            _BACKENDS,
        )
        code, azure = sqlite_control_plane.gateway_code.code, sqlite_control_plane.apim.gateway
        exports = Exports(code=code, azure=azure, table=lambda: table)

        with pytest.raises(Invalid, match=r"keyed: access\.needs_subscription"):
            exports.export(PETRA, Format.GATEWAY_API, ExportOptions())
        partial = exports.export(PETRA, Format.GATEWAY_API, ExportOptions(is_partial=True)).content
        assert "&id" not in partial
        assert partial.startswith("# left out: keyed: access.needs_subscription")
        (route,) = yaml.safe_load_all(partial)
        assert route["kind"] == "HTTPRoute"

    def test_another_tenants_routes_are_not_among_them(self, sqlite_control_plane: ControlPlane) -> None:
        table = RouteTable((_route(tenant_id="other"),), _BACKENDS)
        code, azure = sqlite_control_plane.gateway_code.code, sqlite_control_plane.apim.gateway

        exports = Exports(code=code, azure=azure, table=lambda: table)
        assert exports.export(PETRA, Format.GATEWAY_API, ExportOptions()).content == ""
