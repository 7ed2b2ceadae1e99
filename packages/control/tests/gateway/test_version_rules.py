"""Every edge of versions, one sentence each: missing, unknown, twice, wrong case, original, deprecated, retired."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from gateway_objects import MADE, a_revision, a_version_set, an_api

from modelyard.gateway.compile import DeployedVersion, GatewayState, ModelStages, compile_table
from modelyard.gateway.domain import Api, OnMissing, Target, VersioningScheme, VersionSet
from modelyard.gateway.evaluate import Request, find_route
from modelyard.gateway.states import ApiStatus
from modelyard.gateway.table import Endpoint, Forward, Respond, Route

NOW = MADE + timedelta(days=1)
BY_HEADER = {"scheme": VersioningScheme.HEADER, "parameter": "Api-Version"}
BY_QUERY = {"scheme": VersioningScheme.QUERY, "parameter": "api-version"}
SPELLINGS = ["/Gr%C3%B6%C3%9Fe%20(1)", "/Gr%c3%b6%c3%9fe%20%281%29", "/%47r%C3%b6%C3%9fe%20%281)"]


def deployment(number: int, version: int, model_name: str = "churn", *, is_ready: bool = True) -> DeployedVersion:
    return DeployedVersion(
        deployment_id=f"dep-{number}",
        tenant_id="default",
        model_name=model_name,
        version=version,
        address=Endpoint("127.0.0.1", 9000 + number, 9000 + number),
        is_ready=is_ready,
        created_at=MADE + timedelta(seconds=number),
    )


def route(apis: Sequence[Api], version_set: VersionSet | None, **asked: Any) -> Route:
    """The route of a request, where each API has its own deployment and two revisions, of which the first answers."""
    state = GatewayState(
        now=NOW,
        version_sets=[] if version_set is None else [version_set],
        apis=apis,
        revisions=[
            a_revision(api_id=api.api_id, number=number, target=Target(deployment_id=f"dep-{index * 10 + number}"))
            for index, api in enumerate(apis)
            for number in (1, 2)
        ],
        deployments=[deployment(index * 10 + number, number) for index in range(len(apis)) for number in (1, 2)],
    )
    found = find_route(compile_table(state), Request(**asked))
    assert found is not None
    return found


def answer(found: Route) -> tuple[int, str]:
    assert isinstance(found.action, Respond)
    return found.action.status, found.action.code


def backend(found: Route) -> str:
    assert isinstance(found.action, Forward), found
    (destination,) = found.action.destinations
    return destination.backend


V1 = an_api()
V2 = an_api(api_id="ml-model-v2", api_version="v2")
ORIGINAL = an_api(api_id="original", api_version=None)
SEGMENT, HEADER, QUERY = a_version_set(), a_version_set(**BY_HEADER), a_version_set(**BY_QUERY)


def asks(scheme: VersionSet, version: str) -> dict[str, Any]:
    """A request for a version, as the scheme wants it."""
    if scheme is SEGMENT:
        return {"path": f"/ml-model/{version}/predict"}
    if scheme is HEADER:
        return {"path": "/ml-model/predict", "headers": {"api-version": [version]}}
    return {"path": "/ml-model/predict", "query": f"api-version={version}"}


@pytest.mark.parametrize("version_set", [SEGMENT, HEADER, QUERY], ids=lambda each: each.scheme)
class TestEveryScheme:
    def test_each_version_has_its_own_server(self, version_set: VersionSet) -> None:
        assert backend(route([V1, V2], version_set, **asks(version_set, "v1"))) == "dep-1"
        assert backend(route([V1, V2], version_set, **asks(version_set, "v2"))) == "dep-11"

    def test_an_unknown_version_gets_404_with_the_list(self, version_set: VersionSet) -> None:
        found = route([V1, V2, ORIGINAL], version_set, **asks(version_set, "v9"))
        assert answer(found) == (404, "api_version_unknown")
        assert found.reason.endswith("expected one of v1, v2")

    def test_no_version_leads_to_the_original(self, version_set: VersionSet) -> None:
        assert backend(route([V1, ORIGINAL], version_set, path="/ml-model/predict")) == "dep-11"

    def test_no_version_and_no_original_gets_400(self, version_set: VersionSet) -> None:
        assert answer(route([V1], version_set, path="/ml-model/predict")) == (400, "api_version_missing")

    def test_a_revision_is_seen_behind_rev(self, version_set: VersionSet) -> None:
        asked = asks(version_set, "v1")
        where = "/v1" if version_set is SEGMENT else "/ml-model"
        asked["path"] = asked["path"].replace(where, f"{where};rev=2")
        assert backend(route([V1], version_set, **asked)) == "dep-2"
        asked["path"] = asked["path"].replace(";rev=2", ";rev=3")
        assert answer(route([V1], version_set, **asked)) == (404, "api_revision_unknown")

    def test_a_deprecated_version_says_so_until_its_sunset(self, version_set: VersionSet) -> None:
        ends = {"deprecated_at": MADE, "sunset_at": NOW + timedelta(days=30), "successor": "ml-model-v2"}
        old = an_api(status=ApiStatus.DEPRECATED, **ends)
        headers = route([old, V2], version_set, **asks(version_set, "v1")).response_headers
        assert headers["deprecation"] == f"@{int(MADE.timestamp())}"
        assert headers["sunset"] == "Thu, 31 Dec 2026 09:00:00 GMT"
        where = "/ml-model/v2" if version_set is SEGMENT else "/ml-model"
        assert headers["link"] == f'<{where}>; rel="successor-version"'

    @pytest.mark.parametrize("sunset", [None, NOW + timedelta(days=30)])
    def test_a_page_about_the_end_is_linked_for_what_has_begun(
        self, version_set: VersionSet, sunset: datetime | None
    ) -> None:
        ends = {"deprecated_at": MADE, "sunset_at": sunset, "notice_url": "https://docs.example.com/v1?a=%20"}
        old = an_api(status=ApiStatus.DEPRECATED, **ends)
        headers = route([old, V2], version_set, **asks(version_set, "v1")).response_headers
        relations = ["deprecation"] if sunset is None else ["deprecation", "sunset"]
        page = '<https://docs.example.com/v1?a=%20>; rel="{}"; type="text/html"'
        assert headers["link"] == ", ".join(page.format(each) for each in relations)

    def test_answers_name_their_revision_and_the_versions_that_there_are(self, version_set: VersionSet) -> None:
        old = an_api(status=ApiStatus.DEPRECATED, deprecated_at=MADE)
        gone = an_api(api_id="gone", api_version="v0", status=ApiStatus.RETIRED)
        asked = asks(version_set, "v1")
        headers = route([old, V2, gone], version_set, **asked).response_headers
        assert headers["x-api-revision"] == "1"
        assert (headers["api-supported-versions"], headers["api-deprecated-versions"]) == ("v2", "v1")
        where = "/v1" if version_set is SEGMENT else "/ml-model"
        asked["path"] = asked["path"].replace(where, f"{where};rev=2")
        assert route([old, V2, gone], version_set, **asked).response_headers["x-api-revision"] == "2"
        unknown = route([old, V2, gone], version_set, **asks(version_set, "v9")).response_headers
        assert unknown["api-supported-versions"] == "v2"
        assert "x-api-revision" not in unknown

    def test_versions_that_fill_a_header_are_not_listed_in_it(self, version_set: VersionSet) -> None:
        many = [an_api(api_id=f"api-{n}", api_version=f"v{n}-{'x' * 90}") for n in range(20)]
        headers = route(many, version_set, **asks(version_set, many[0].api_version or "")).response_headers
        assert "api-supported-versions" not in headers

    def test_a_version_after_its_sunset_gets_410_with_its_successor(self, version_set: VersionSet) -> None:
        ends = {"deprecated_at": MADE, "sunset_at": NOW, "successor": "ml-model-v2"}
        old = an_api(status=ApiStatus.DEPRECATED, **ends)
        found = route([old, V2], version_set, **asks(version_set, "v1"))
        assert answer(found) == (410, "api_retired")
        assert "ml-model-v2" in found.reason
        assert "link" in found.response_headers

    def test_https_alone_redirects_what_has_no_body_and_refuses_the_rest(self, version_set: VersionSet) -> None:
        only = an_api(protocols=("https",))
        asked = asks(version_set, "v1")
        assert type(route([only], version_set, **asked).action).__name__ == "RedirectToHttps"
        assert answer(route([only], version_set, **asked, method="POST")) == (403, "https_required")
        assert backend(route([only], version_set, **asked, method="POST", is_tls=True)) == "dep-1"

    def test_nothing_answers_before_the_first_release(self, version_set: VersionSet) -> None:
        found = route([an_api(current_revision=None)], version_set, **asks(version_set, "v1"))
        assert answer(found) == (404, "api_not_released")

    def test_the_default_version_answers_what_names_none(self, version_set: VersionSet) -> None:
        by_default = a_version_set(
            scheme=version_set.scheme,
            parameter=version_set.parameter,
            on_missing=OnMissing.DEFAULT,
            default_version="v2",
        )
        assert backend(route([V1, V2], by_default, path="/ml-model/predict")) == "dep-11"

    def test_a_set_that_refuses_gives_400_without_a_version(self, version_set: VersionSet) -> None:
        strict = a_version_set(scheme=version_set.scheme, parameter=version_set.parameter, on_missing=OnMissing.REFUSE)
        assert answer(route([V1, ORIGINAL], strict, path="/ml-model/x")) == (400, "api_version_missing")


class TestSegments:
    def test_another_case_of_a_version_is_unknown(self) -> None:
        assert answer(route([V1, ORIGINAL], SEGMENT, path="/ml-model/V1/predict")) == (404, "api_version_unknown")

    def test_a_longer_segment_is_another_one(self) -> None:
        assert answer(route([V1, ORIGINAL], SEGMENT, path="/ml-model/v10")) == (404, "api_version_unknown")

    def test_the_original_keeps_the_paths_of_the_protocol_until_there_is_a_v2(self) -> None:
        asked = {"path": "/ml-model/v2/models/churn"}
        assert backend(route([V1, ORIGINAL], SEGMENT, **asked)) == "dep-11"
        assert backend(route([V1, V2, ORIGINAL], SEGMENT, **asked)) == "dep-11"
        assert route([V1, V2, ORIGINAL], SEGMENT, **asked).api_id == "ml-model-v2"


class TestHeadersAndQueries:
    def test_a_version_in_another_case_is_the_same(self) -> None:
        assert backend(route([V1], HEADER, **asks(HEADER, "V1"))) == "dep-1"
        assert backend(route([V1], QUERY, **asks(QUERY, "V1"))) == "dep-1"

    @pytest.mark.parametrize("values", [["v1", "v1"], ["v1", "v2"], ["v1,v2"], ["", ""]])
    def test_two_headers_get_400(self, values: list[str]) -> None:
        found = route([V1, V2], HEADER, path="/ml-model", headers={"api-version": values})
        assert answer(found) == (400, "api_version_ambiguous")

    @pytest.mark.parametrize("query", ["api-version=v1&api-version=v1", "api-version&x=1&api-version=v2"])
    def test_two_parameters_get_400(self, query: str) -> None:
        assert answer(route([V1], QUERY, path="/ml-model", query=query)) == (400, "api_version_ambiguous")

    @pytest.mark.parametrize("name", ["API-version", "%61pi-version", "api%2Dversion", "api-versio%4E"])
    def test_a_parameter_whose_name_is_spelled_otherwise_gets_400(self, name: str) -> None:
        found = route([V1, ORIGINAL], QUERY, path="/ml-model", query=f"x=1&{name}=v1")
        assert answer(found) == (400, "api_version_misspelled")

    def test_an_empty_version_is_unknown(self) -> None:
        assert answer(route([V1, ORIGINAL], HEADER, **asks(HEADER, ""))) == (404, "api_version_unknown")
        assert answer(route([V1, ORIGINAL], QUERY, **asks(QUERY, ""))) == (404, "api_version_unknown")

    def test_answers_of_a_header_scheme_vary_by_it(self) -> None:
        for asked in (asks(HEADER, "v1"), asks(HEADER, "v9"), {"path": "/ml-model"}):
            assert route([V1], HEADER, **asked).response_headers["vary"] == "Api-Version"


class TestStableAddresses:
    def found(self, deployments: Sequence[DeployedVersion], production: int | None = None, **asked: Any) -> Route:
        names = {each.model_name for each in deployments}
        stages = {("default", name): ModelStages(production=production) for name in names}
        state = GatewayState(now=NOW, deployments=deployments, stages=stages)
        route = find_route(compile_table(state), Request(**{"path": "/churn/predict", **asked}))
        assert route is not None
        return route

    def test_the_version_in_production_answers(self) -> None:
        found = self.found([deployment(1, 1), deployment(2, 2)], production=1)
        assert (backend(found), found.response_headers["modelyard-route-reason"]) == ("dep-1", "production")

    def test_without_one_the_newest_that_serves_answers_and_says_so(self) -> None:
        found = self.found([deployment(1, 1), deployment(2, 2), deployment(3, 3, is_ready=False)])
        assert (backend(found), found.response_headers["modelyard-route-reason"]) == ("dep-2", "newest")

    def test_a_version_that_was_promoted_and_is_not_ready_gets_nothing_yet(self) -> None:
        assert backend(self.found([deployment(1, 1), deployment(2, 2, is_ready=False)], production=2)) == "dep-1"

    def test_each_version_has_an_address(self) -> None:
        two = [deployment(1, 1), deployment(2, 2)]
        assert backend(self.found(two, production=1, path="/churn/versions/2/predict")) == "dep-2"
        assert answer(self.found(two, path="/churn/versions/3/predict")) == (404, "version_unknown")
        assert answer(self.found(two, path="/churn/versions")) == (404, "version_unknown")

    def test_a_header_sends_a_tester_to_one_version(self) -> None:
        two = [deployment(1, 1), deployment(2, 2)]
        assert backend(self.found(two, production=1, headers={"modelyard-version": ["2"]})) == "dep-2"
        assert answer(self.found(two, headers={"modelyard-version": ["3"]})) == (404, "version_unknown")

    def test_what_is_not_there_gets_404_or_503(self) -> None:
        assert answer(self.found([deployment(1, 1)], path="/other/predict")) == (404, "not_found")
        starting = DeployedVersion(
            deployment_id="dep-1",
            tenant_id="default",
            model_name="churn",
            version=1,
            address=None,
            is_ready=False,
            created_at=MADE,
        )
        assert answer(self.found([starting])) == (503, "model_not_ready")

    def test_metrics_are_not_reachable(self) -> None:
        for path in (
            "/churn/metrics",
            "/churn/versions/1/metrics",
            "/churn/m%65trics/",
            "/churn//metrics",
            "/churn/drift",
        ):
            assert answer(self.found([deployment(1, 1)], path=path)) == (404, "not_found")

    @pytest.mark.parametrize("path", SPELLINGS)
    def test_every_spelling_of_a_name_leads_to_the_model(self, path: str) -> None:
        assert backend(self.found([deployment(1, 1, "Größe (1)")], path=f"{path}/predict")) == "dep-1"

    def test_grpc_is_routed_by_metadata_or_by_the_authority(self) -> None:
        two = [deployment(1, 1), deployment(2, 2)]
        grpc = {"content-type": ["application/grpc"]}
        call: dict[str, Any] = {"method": "POST", "path": "/inference.GRPCInferenceService/ModelInfer"}
        named = grpc | {"modelyard-model": ["churn"]}
        assert backend(self.found(two, production=1, **call, headers=named)) == "dep-1"
        assert backend(self.found(two, **call, headers=named | {"modelyard-version": ["1"]})) == "dep-1"
        assert backend(self.found(two, production=2, **call, headers=grpc, authority="churn:8080")) == "dep-2"
        assert answer(self.found(two, **call, headers=grpc)) == (404, "not_found")
