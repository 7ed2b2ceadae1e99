"""Version sets, APIs, revisions and releases over HTTP: what may be made, what is refused, and what a release says."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from modelyard.adapters.service_hosts.fake import FakeServiceHosts
from modelyard.main import ControlPlane

SET = {"display_name": "ML Model Serving Versions", "versioning_scheme": "Segment"}
URL = "http://backend-for-ml-model-v1"
API = {
    "api_id": "ml-model-v1",
    "display_name": "ML Model Serving v1",
    "path": "ml-model",
    "api_version": "v1",
    "api_version_set_id": "ml-model-serving-versions",
    "description": "Version 1 of the ML Model Serving API",
    "protocols": ["https"],
    "service_url": URL,
}
ROOT = "/api/v1/gateway"


def post(client: TestClient, where: str, body: dict[str, Any], *, expected: int = 201) -> dict[str, Any]:
    answer = client.post(f"{ROOT}/{where}", json=body)
    assert answer.status_code == expected, answer.text
    content: dict[str, Any] = answer.json()
    return content


def code(answer: Any) -> tuple[int, str, str | None]:
    return answer.status_code, answer.json()["code"], answer.json().get("field")


@pytest.fixture
def made(client: TestClient) -> TestClient:
    """The objects of the user's document: a version set and an API of it."""
    post(client, "version-sets", SET)
    post(client, "apis", API)
    return client


def explained(client: TestClient, url: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{ROOT}/explain", params={"url": url, **query})
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def test_an_api_that_takes_the_id_of_a_deleted_one_has_no_callers_and_no_limits(made: TestClient) -> None:
    post(made, "apis", API | {"api_id": "other", "path": "other", "api_version": None, "api_version_set_id": None})
    scope = {"kind": "api", "name": "ml-model-v1"}
    own = post(made, "subscriptions", {"display_name": "Shop", "scope": scope})["subscription"]["subscription_id"]
    every = post(made, "subscriptions", {"display_name": "All", "scope": {"kind": "all"}})["subscription"]
    post(made, "products", {"product_id": "gold", "display_name": "Gold", "api_ids": ["ml-model-v1", "other"]})
    limits = {"rate": {"calls": 5, "seconds": 60}}
    assert made.put(f"{ROOT}/api-limits/ml-model-v1", json=limits).status_code == 200
    assert made.delete(f"{ROOT}/apis/ml-model-v1").status_code == 204
    post(made, "apis", API)
    assert made.get(f"{ROOT}/subscriptions/{own}").json()["status"] == "cancelled"
    assert made.get(f"{ROOT}/subscriptions/{every['subscription_id']}").json()["status"] == "active"
    assert made.get(f"{ROOT}/products/gold").json()["api_ids"] == ["other"]
    assert made.delete(f"{ROOT}/api-limits/ml-model-v1").json()["code"] == "limits_not_found"


def test_an_api_answers_from_its_first_release_on(made: TestClient) -> None:
    before = explained(made, "https://gateway/ml-model/v1/predict")
    assert (before["outcome"], before["code"]) == ("respond", "api_not_released")
    release = post(
        made,
        "apis/ml-model-v1/releases",
        {"release_id": "ml-model-release-v1", "api_release_notes": "Initial Release of ML Model v1"},
    )
    assert (release["release_id"], release["cause"], release["before"]) == ("ml-model-release-v1", "release", None)
    assert release["changes"] == [f"revision 1 answers, at {URL}"]
    after = explained(made, "https://gateway/ml-model/v1/predict")
    assert after["code"] == "service_url_unreachable"  # The fake knows no address of it.
    log = made.get(f"{ROOT}/apis/ml-model-v1/releases").json()["releases"]
    assert [each["api_release_notes"] for each in log] == ["Initial Release of ML Model v1"]


def test_a_rollback_is_one_call(made: TestClient) -> None:
    post(made, "apis/ml-model-v1/releases", {})
    revision = post(made, "apis/ml-model-v1/revisions", {"service_url": "https://other.example.com/v1"})
    assert revision["api_revision"] == 2
    post(made, "apis/ml-model-v1/releases", {"api_release_notes": "elsewhere"})
    assert made.get(f"{ROOT}/apis/ml-model-v1").json()["current_revision"] == 2
    back = post(made, "apis/ml-model-v1/rollback", {"api_release_notes": "wrong scores"})
    assert (back["cause"], back["after"]["revision"]) == ("rollback", 1)
    assert "revision 2 → 1" in back["changes"]
    again = post(made, "apis/ml-model-v1/rollback", {})
    assert again["after"]["revision"] == 2


def test_without_another_revision_there_is_nothing_to_roll_back(made: TestClient) -> None:
    post(made, "apis/ml-model-v1/releases", {})
    answer = made.post(f"{ROOT}/apis/ml-model-v1/rollback", json={})
    assert code(answer)[:2] == (409, "nothing_to_roll_back")


REFUSED: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"path": "/-/x"}, 400, "api_path_invalid", "path"),
    ({"path": "a/../b"}, 400, "api_path_invalid", "path"),
    ({"path": "@acme"}, 400, "api_path_invalid", "path"),
    ({"path": "a b"}, 400, "api_path_invalid", "path"),
    ({"path": ""}, 400, "api_path_invalid", "path"),
    ({"api_id": "a/b"}, 400, "id_invalid", "api_id"),
    ({"api_version": "v/1"}, 400, "api_version_invalid", "api_version"),
    ({"api_version_set_id": None}, 400, "api_version_invalid", "api_version"),
    ({"api_version_set_id": "none"}, 404, "version_set_not_found", None),
    ({"protocols": ["http"]}, 400, "protocols_invalid", "protocols"),
    ({"protocols": ["wss"]}, 400, "protocols_invalid", "protocols"),
    ({"service_url": "ftp://x"}, 400, "service_url_invalid", "service_url"),
    ({"service_url": "http://user@x"}, 400, "service_url_invalid", "service_url"),
    ({"service_url": "http://x/?a=b"}, 400, "service_url_invalid", "service_url"),
    ({"service_url": "http://x/../y"}, 400, "service_url_invalid", "service_url"),
    ({"service_url": None}, 400, "target_invalid", "service_url"),
    ({"deployment_id": "dep-1"}, 400, "target_invalid", "service_url"),
    ({"service_url": None, "deployment_id": "dep-1"}, 404, "deployment_not_found", None),
    ({"service_url": None, "model_name": "none"}, 404, "model_not_found", None),
    ({"version": 3}, 400, "target_invalid", "model_name"),
    ({"subscription_key_parameter_names": {"header": "Host"}}, 400, "header_name_invalid", None),
    ({"color": "red"}, 400, "request_invalid", "color"),
]


def test_a_field_that_cannot_be_honoured_is_refused(client: TestClient) -> None:
    post(client, "version-sets", SET)
    for change, status, refusal, field in REFUSED:
        answer = client.post(f"{ROOT}/apis", json=API | change)
        assert code(answer)[:2] == (status, refusal), (change, answer.text)
        assert field is None or answer.json()["field"] == field


CONTRADICTIONS: list[dict[str, Any]] = [
    {"versioning_scheme": "Header"},
    {"versioning_scheme": "Header", "version_header_name": "X", "version_query_name": "y"},
    {"versioning_scheme": "Header", "version_header_name": "content-length"},
    {"versioning_scheme": "Query", "version_query_name": "a&b"},
    {"version_header_name": "Api-Version"},
    {"on_missing": "default"},
    {"default_version": "v1"},
    {"versioning_scheme": "Cookie"},
]


def test_a_version_set_that_contradicts_itself_is_refused(client: TestClient) -> None:
    for change in CONTRADICTIONS:
        assert client.post(f"{ROOT}/version-sets", json=SET | change).status_code in {400, 422}, change


def test_an_address_that_may_not_be_called_is_refused(control_plane: ControlPlane, client: TestClient) -> None:
    hosts = control_plane._adapters.service_hosts
    assert isinstance(hosts, FakeServiceHosts)
    hosts.refused = "its address is not public"
    answer = client.post(f"{ROOT}/apis", json={"api_id": "a", "display_name": "A", "path": "a", "service_url": URL})
    assert code(answer) == (400, "service_url_refused", "service_url")


def test_one_path_has_versions_of_one_set_each_another(made: TestClient) -> None:
    for change in ({}, {"api_version": "V1"}, {"api_version": None, "api_version_set_id": None}):
        answer = made.post(f"{ROOT}/apis", json=API | {"api_id": "other"} | change)
        assert code(answer)[:2] == (409, "api_path_taken"), change
    assert code(made.post(f"{ROOT}/apis", json=API))[:2] == (409, "api_exists")
    post(made, "apis", API | {"api_id": "original", "api_version": None})


@pytest.mark.parametrize(
    "url",
    [
        "docs.example.com",
        "ftp://a/b",
        "https://a/<b>",
        "https://a/b c",
        'https://a/"',
        "https://a/\r\nx: y",
        "https://a/ü",
    ],
)
def test_a_page_about_an_end_is_an_address_that_a_header_can_hold(made: TestClient, url: str) -> None:
    answer = made.patch(f"{ROOT}/apis/ml-model-v1", json={"status": "deprecated", "notice_url": url})
    assert code(answer) == (400, "notice_url_invalid", "notice_url")


def test_an_end_is_announced_and_can_be_taken_back(made: TestClient) -> None:
    post(made, "apis", API | {"api_id": "ml-model-v2", "api_version": "v2"})
    where = f"{ROOT}/apis/ml-model-v1"
    page = "https://docs.example.com/moving"
    end = {
        "status": "deprecated",
        "sunset_at": "2090-01-01T00:00:00Z",
        "successor": "ml-model-v2",
        "notice_url": page,
    }
    for field in ("sunset_at", "successor", "notice_url"):
        assert code(made.patch(where, json={field: end[field]})) == (400, "api_end_invalid", field)
    answer = made.patch(where, json=end).json()
    assert (answer["status"], answer["successor"]) == ("deprecated", "ml-model-v2")
    assert code(made.patch(where, json={"sunset_at": "2001-01-01T00:00:00Z"}))[:2] == (400, "sunset_invalid")
    assert code(made.patch(where, json={"successor": "none"}))[:2] == (404, "api_not_found")
    assert code(made.patch(where, json={"successor": "ml-model-v1"}))[:2] == (400, "successor_invalid")
    assert made.patch(where, json={"status": "retired"}).json()["status"] == "retired"
    assert explained(made, "https://gateway/ml-model/v1")["status"] == 410
    active = made.patch(where, json={"status": "active"}).json()
    assert (active["status"], active["deprecated_at"], active["sunset_at"]) == ("active", None, None)


def test_revisions_are_taken_offline_to_make_room_for_others(made: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelyard.gateway.service.MOST_REVISIONS", 2)
    where = f"{ROOT}/apis/ml-model-v1/revisions"
    other = {"service_url": "https://other.example.com/v1"}
    post(made, "apis/ml-model-v1/revisions", other)
    assert code(made.post(where, json=other))[:2] == (409, "too_many_revisions")
    assert made.patch(f"{where}/1", json={"is_online": False}).json()["is_online"] is False
    assert post(made, "apis/ml-model-v1/revisions", other)["api_revision"] == 3
    assert code(made.patch(f"{where}/1", json={"is_online": True}))[:2] == (409, "too_many_revisions")


def test_releases_at_once_come_one_after_the_other(made: TestClient) -> None:
    with ThreadPoolExecutor(6) as pool:
        releases = list(pool.map(lambda _: post(made, "apis/ml-model-v1/releases", {}), range(6)))
    assert sorted(release["number"] for release in releases) == [1, 2, 3, 4, 5, 6]


def test_a_change_of_an_older_state_is_refused(made: TestClient) -> None:
    answer = made.patch(f"{ROOT}/apis/ml-model-v1", json={"description": "x"}, headers={"If-Match": '"7"'})
    assert code(answer)[:2] == (412, "revision_changed")


def test_a_set_goes_after_its_apis(made: TestClient) -> None:
    where = f"{ROOT}/version-sets/ml-model-serving-versions"
    assert code(made.delete(where))[:2] == (409, "version_set_in_use")
    assert made.delete(f"{ROOT}/apis/ml-model-v1").status_code == 204
    assert made.delete(where).status_code == 204


def test_everything_is_in_the_audit_log(control_plane: ControlPlane, made: TestClient) -> None:
    post(made, "apis/ml-model-v1/releases", {"api_release_notes": "first"})
    made.patch(f"{ROOT}/apis/ml-model-v1", json={"status": "deprecated"})
    actions = [entry.action for entry in control_plane.audit.entries("default")]
    found = [action for action in actions if action.split(".")[0] in {"api", "release", "version_set"}]
    assert found == ["version_set.created", "api.created", "release.created", "api.deprecated"]


def test_a_path_of_the_gateway_is_explained_without_a_request(client: TestClient) -> None:
    nothing = explained(client, "/nothing/predict")
    assert (nothing["outcome"], nothing["status"], nothing["route"]) == ("respond", 404, "gateway/nothing")
    assert explained(client, "/a%2Fb")["outcome"] == "reject"
    assert client.get(f"{ROOT}/explain", params={"url": "ftp://x"}).status_code == 400
