"""What nodes refuse, as its owner, other tenants and operators see it."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from modelyard.gateway.publishing.domain import LIVE_FOR
from modelyard.gateway_node.control_plane import CREDENTIAL_PREFIX
from modelyard.main import ControlPlane

ROOT = "/api/v1/gateway"
REASON = "route: invalid timeout"
OWN = {"kind": "routes", "name": "default/paths/ml-model", "reason": REASON}


class Node:
    """Reports by HTTP."""

    def __init__(self, client: TestClient, control_plane: ControlPlane) -> None:
        settings = control_plane._settings
        key = settings.gateway_node.credential(settings.storage.places)
        self._headers = {"Authorization": f"Bearer {CREDENTIAL_PREFIX}{key}"}
        self._client = client

    def report(self, *parts: dict[str, str], name: str = "one", expected: int = 204) -> None:
        """Say what is refused."""
        unset = dict.fromkeys(("running", "refused", "reason", "tls_port", "envoy_version", "problem"))
        body = {**unset, "refused_parts": list(parts), "is_serving": True, "host": "127.0.0.1", "port": 8080}
        answer = self._client.put(f"{ROOT}/nodes/{name}", json=body, headers=self._headers)
        assert answer.status_code == expected, answer.text


@pytest.fixture
def control_plane(sqlite_control_plane: ControlPlane) -> ControlPlane:
    return sqlite_control_plane


@pytest.fixture
def node(anonymous: TestClient, control_plane: ControlPlane) -> Node:
    return Node(anonymous, control_plane)


@pytest.fixture
def api(client: TestClient) -> dict[str, Any]:
    body = {"api_id": "ml", "display_name": "ML", "path": "ml-model", "service_url": "http://backend"}
    made = client.post(f"{ROOT}/apis", json=body)
    assert made.status_code == 201, made.text
    content: dict[str, Any] = made.json()
    return content


def events(control_plane: ControlPlane, tenant_id: str = "default") -> list[tuple[str, str, str]]:
    found = control_plane.audit.entries(tenant_id)
    return [(each.action, each.subject, each.reason) for each in found if each.action.startswith("refusal.")]


class TestRefusals:
    def test_the_owner_sees_it_where_the_api_is_shown_until_it_is_over(
        self, client: TestClient, node: Node, api: dict[str, Any], control_plane: ControlPlane
    ) -> None:
        assert api["refused"] is None
        node.report(OWN)
        assert client.get(f"{ROOT}/apis/ml").json()["refused"] == REASON
        assert client.get(f"{ROOT}/apis").json()["apis"][0]["refused"] == REASON
        explained = client.get(f"{ROOT}/explain", params={"url": "/ml-model/predict"}).json()
        assert explained["sentence"].endswith(f"; but the gateway refuses that, and goes on as before: {REASON}")
        said = client.get(f"{ROOT}/status").json()["refused"]
        assert [(each["subject"], each["reason"]) for each in said] == [("paths/ml-model", REASON)]
        for _ in range(2):
            node.report()
        assert client.get(f"{ROOT}/apis/ml").json()["refused"] is None
        assert client.get(f"{ROOT}/status").json()["refused"] == []
        assert events(control_plane) == [
            ("refusal.found", "paths/ml-model", REASON),
            ("refusal.ended", "paths/ml-model", ""),
        ]

    def test_what_two_nodes_refuse_is_one_event_and_over_when_both_take_it(
        self, client: TestClient, node: Node, control_plane: ControlPlane
    ) -> None:
        for name in ("one", "two"):
            node.report(OWN, name=name)
        node.report(name="one")
        assert [each["subject"] for each in client.get(f"{ROOT}/status").json()["refused"]] == ["paths/ml-model"]
        assert [action for action, *_ in events(control_plane)] == ["refusal.found"]
        node.report(name="two")
        assert [action for action, *_ in events(control_plane)] == ["refusal.found", "refusal.ended"]

    def test_no_other_tenant_sees_it_and_operators_see_all(
        self, client: TestClient, node: Node, control_plane: ControlPlane
    ) -> None:
        made = client.post("/api/v1/access/tenants", json={"tenant_id": "acme", "admin": "ada"})
        acme = {"Authorization": f"Bearer {made.json()['admin_token']['secret']}"}
        node.report(OWN, {"kind": "tokens", "name": "acme/main", "reason": "no key"})
        seen = client.get(f"{ROOT}/status", headers=acme).json()["refused"]
        assert [(each["tenant_id"], each["subject"]) for each in seen] == [("acme", "token-issuers/main")]
        assert len(client.get(f"{ROOT}/status").json()["refused"]) == 2
        assert [subject for _, subject, _ in events(control_plane, "acme")] == ["token-issuers/main"]

    def test_a_node_that_is_gone_refuses_nothing(
        self, client: TestClient, node: Node, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        node.report(OWN)
        refusals = control_plane.gateway.refusals
        now = refusals._clock.now()
        monkeypatch.setattr(refusals._clock, "now", lambda: now + LIVE_FOR)
        assert refusals.every() == []

    @pytest.mark.parametrize("wrong", [{"kind": "cluster"}, {"name": "nobody's"}, {"reason": "x" * 501}])
    def test_what_is_no_part_is_refused(self, node: Node, wrong: dict[str, str]) -> None:
        node.report(OWN | wrong, expected=400)
