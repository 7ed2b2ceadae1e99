"""The change log of an API, for its callers: by a subscription key they read that of the APIs which it opens."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from modelyard.adapters.clock.manual import ManualClock

ROOT = "/api/v1/gateway"


def post(client: TestClient, where: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(f"{ROOT}/{where}", json=body)
    assert answer.status_code in {200, 201}, answer.text
    return dict(answer.json())


@pytest.fixture
def released(client: TestClient) -> TestClient:
    """Two APIs, each released; the first one twice."""
    for name in ("scores", "risks"):
        api = {"api_id": name, "display_name": name, "path": name, "service_url": "https://internal.example.com/x"}
        post(client, "apis", api)
        post(client, f"apis/{name}/releases", {"api_release_notes": f"first of {name}"})
    post(client, "apis/scores/revisions", {"service_url": "https://internal.example.com/y"})
    post(client, "apis/scores/releases", {"api_release_notes": "better scores"})
    return client


def subscribed(client: TestClient, scope: dict[str, str], **fields: Any) -> tuple[str, str]:
    """The id of a subscription, and its primary key."""
    made = post(client, "subscriptions", {"display_name": "Shop", "scope": scope, **fields})
    return made["subscription"]["subscription_id"], made["primary_key"]


def changes(client: TestClient, api: str, key: str) -> Any:
    return client.get(f"{ROOT}/apis/{api}/changes", headers={"Authorization": f"Bearer {key}"})


def test_a_caller_reads_what_changed_and_nothing_of_where_it_leads(released: TestClient) -> None:
    _, key = subscribed(released, {"kind": "api", "name": "scores"})
    answer = changes(released, "scores", key)
    content = answer.json()
    assert (content["api_id"], content["status"]) == ("scores", "active")
    assert [each["api_release_notes"] for each in content["changes"]] == ["better scores", "first of scores"]
    assert [each["api_revision"] for each in content["changes"]] == [2, 1]
    assert "internal.example.com" not in answer.text
    assert "admin" not in answer.text


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        ({"kind": "api", "name": "scores"}, [200, 404]),
        ({"kind": "product", "name": "gold"}, [404, 200]),
        ({"kind": "all"}, [200, 200]),
    ],
)
def test_a_key_opens_the_logs_of_its_apis_only(released: TestClient, scope: dict[str, str], seen: list[int]) -> None:
    post(released, "products", {"product_id": "gold", "display_name": "Gold", "api_ids": ["risks"]})
    _, key = subscribed(released, scope)
    assert [changes(released, api, key).status_code for api in ("scores", "risks")] == seen
    assert changes(released, "none", key).json()["code"] == "api_not_found"


def test_a_key_opens_nothing_else_at_the_control_plane(released: TestClient) -> None:
    _, key = subscribed(released, {"kind": "all"})
    by_key = {"Authorization": f"Bearer {key}"}
    for path in (f"{ROOT}/apis/scores", f"{ROOT}/apis/scores/releases", f"{ROOT}/status", "/mlops/models"):
        answer = released.get(path, headers=by_key)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing"), path
    refused = released.post(f"{ROOT}/apis/scores/releases", json={}, headers=by_key)
    assert refused.status_code == 403


def test_a_key_that_was_revoked_or_is_over_opens_nothing(released: TestClient, clock: ManualClock) -> None:
    subscription, key = subscribed(released, {"kind": "all"})
    assert changes(released, "scores", key).status_code == 200
    post(released, f"subscriptions/{subscription}/suspend", {})
    assert changes(released, "scores", key).status_code == 401
    expires_at = clock.now().replace(year=clock.now().year + 1).isoformat()
    _, short = subscribed(released, {"kind": "all"}, expires_at=expires_at)
    assert changes(released, "scores", short).status_code == 200
    clock.sleep(400 * 86_400)
    assert changes(released, "scores", short).status_code == 401


def test_members_read_it_too(released: TestClient) -> None:
    answer = released.get(f"{ROOT}/apis/scores/changes")
    assert len(answer.json()["changes"]) == 2
