"""The catalogue over HTTP: filters, pages, edits, and what is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from access_platform import Platform
from httpx import Client

ROOT = "/api/v1/ml/registry/models"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    home: Path = tmp_path_factory.mktemp("catalogue") / "home"
    with Platform(home) as platform:
        yield platform


@pytest.fixture
def owner(platform: Platform) -> Client:
    return platform.operator


@pytest.fixture(scope="module")
def register(platform: Platform) -> Callable[..., int]:
    def one(name: str, **body: object) -> int:
        body = {"name": name, "artifact_id": platform.log_model(), **body}
        made = platform.operator.post(ROOT, json=body)
        assert made.status_code == 201, made.text
        return int(made.json()["version"])

    return one


class TestSearch:
    def test_filters_pages_and_orders_work_together(
        self, owner: Client, platform: Platform, register: Callable[..., int]
    ) -> None:
        for name, auc in (("search-a", 0.9), ("search-b", 0.5), ("search-c", 0.8)):
            register(name, tags={"team": "fraud"}, artifact_id=platform.log_model(auc=auc))
        query = {"tag": "team:fraud", "metric": "auc>=0.8", "order": "-name", "limit": "1"}
        first = owner.get(ROOT, params=query).json()
        assert [model["name"] for model in first["models"]] == ["search-c"]
        second = owner.get(ROOT, params={**query, "cursor": first["next_cursor"]}).json()
        assert ([model["name"] for model in second["models"]], second["next_cursor"]) == (["search-a"], None)

    def test_versions_are_listed_by_a_metric(
        self, owner: Client, platform: Platform, register: Callable[..., int]
    ) -> None:
        for auc in (0.5, 0.9, 0.7):
            register("by-metric", artifact_id=platform.log_model(auc=auc))
        found = owner.get(f"{ROOT}/by-metric/versions", params={"order": "-metrics.auc", "metric": "auc>0.6"}).json()
        assert [version["version"] for version in found["versions"]] == [2, 3]

    @pytest.mark.parametrize(
        ("query", "field", "code"),
        [
            ("tag=team", "tag", "tag_invalid"),
            ("metric=auc", "metric", "metric_invalid"),
            ("metric=auc>=0.9&metric=auc>=x", "metric", "metric_invalid"),
            ("order=size", "order", "request_invalid"),
            ("stage=live", "stage", "request_invalid"),
            ("text=" + "x" * 201, "text", "request_invalid"),
            ("cursor=WyJuYW1lIl0", "cursor", "cursor_invalid"),
        ],
    )
    def test_a_malformed_filter_is_refused_by_its_field(self, owner: Client, query: str, field: str, code: str) -> None:
        answer = owner.get(f"{ROOT}?{query}")
        assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (400, field, code)


class TestBounds:
    """The same on every door: what one of them lets in, all show, and the mirror and both databases must hold."""

    @pytest.mark.parametrize(
        "door",
        [ROOT, "/mlops/registry", "/api/v1/modelserving/models/bounds/versions"],
        ids=["registry", "mlops", "serving"],
    )
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"metrics": {"m" * 251: 1.0}}, "request_invalid"),
            ({"metrics": {f"m{number}": 1.0 for number in range(201)}}, "request_invalid"),
            ({"tags": {"k" * 251: "v"}}, "request_invalid"),
            ({"tags": {"k": "v" * 5001}}, "request_invalid"),
            ({"tags": {f"k{number}": "v" for number in range(101)}}, "request_invalid"),
            ({"description": "d" * 10_001}, "request_invalid"),
            ({"tags": {"modelyard.script_sha256": "a" * 64}}, "tags_invalid"),
        ],
    )
    def test_what_is_too_long_too_many_or_ours_is_refused(
        self, platform: Platform, owner: Client, register: Callable[..., int], door: str, body: object, code: str
    ) -> None:
        assert isinstance(body, dict)
        register("bounds")
        run_id = platform.log_model()
        named = {"run_id": run_id} if door.startswith("/mlops") else {"artifact_id": run_id}
        name = {} if "modelserving" in door else {"name": "bounds"}
        answer = platform.operator.post(door, json={**name, **named, **body})
        assert (answer.status_code, answer.json()["code"]) == (400, code)

    @pytest.mark.parametrize("comment", ["", " ", "\n\t"])
    def test_a_transition_without_a_word_is_refused(
        self, platform: Platform, register: Callable[..., int], comment: str
    ) -> None:
        number = register("worded")
        stage = {"stage": "staging", "comment": comment}
        answer = platform.operator.post(f"{ROOT}/worded/versions/{number}/stage", json=stage)
        assert (answer.status_code, answer.json()["field"]) == (400, "comment")

    @pytest.mark.parametrize("reason", ["", " "])
    def test_so_is_a_hold(self, platform: Platform, register: Callable[..., int], reason: str) -> None:
        number = register("held")
        answer = platform.operator.post(f"{ROOT}/held/versions/{number}/holds", json={"reason": reason})
        assert (answer.status_code, answer.json()["field"]) == (400, "reason")


class TestEdits:
    def test_an_edit_is_based_on_the_revision_that_was_seen(self, owner: Client, register: Callable[..., int]) -> None:
        register("edited")
        for path, change in (
            (f"{ROOT}/edited", {"description": "new", "owners": ["ada"]}),
            (f"{ROOT}/edited/versions/1", {"description": "new", "tags": {"a": "b"}}),
        ):
            etag = owner.get(path).headers["etag"]
            changed = owner.patch(path, json=change, headers={"If-Match": etag})
            assert (changed.status_code, changed.json()["description"]) == (200, "new")
            assert owner.get(path).headers["etag"] == changed.headers["etag"] != etag
            late = owner.patch(path, json={"description": "late"}, headers={"If-Match": etag})
            assert (late.status_code, late.json()["code"]) == (412, "revision_changed")

    def test_a_field_that_cannot_change_is_refused(self, owner: Client, register: Callable[..., int]) -> None:
        register("fixed")
        answer = owner.patch(f"{ROOT}/fixed/versions/1", json={"metrics": {"auc": 1}})
        assert (answer.status_code, answer.json()["field"]) == (400, "metrics")
