"""The user's document on versioned APIs, acted out: its objects are made through the API, and a real gateway answers.

`GatewayAtHand` is a node with the configurations that this control plane publishes.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from echo_server import EchoServer
from gateway_nodes import RunningNode
from ports import find_free_port
from starlette.testclient import TestClient
from tls_pairs import write_pair

from modelyard.adapters.service_hosts.fake import FakeServiceHosts
from modelyard.gateway_node import Configuration
from modelyard.main import Adapters, ControlPlane

ROOT = "/api/v1/gateway"
URL = "http://backend-for-ml-model-v1"
VERSION_SET = {"display_name": "ML Model Serving Versions", "versioning_scheme": "Segment"}
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
RELEASE = {"release_id": "ml-model-release-v1", "api_release_notes": "Initial Release of ML Model v1"}
KEY = "Ocp-Apim-Subscription-Key"


class GatewayAtHand:
    """A node beside a control plane in this process."""

    def __init__(self, control_plane: ControlPlane, node: RunningNode, certificate: Path) -> None:
        self._control_plane = control_plane
        self._node = node
        self._trust = ssl.create_default_context(cafile=str(certificate))

    def apply(self) -> None:
        """What stands in the control plane now, on the node."""
        self._control_plane.gateway.publisher.make_pass()
        newest = self._control_plane.gateway.publishing.newer(None)
        assert newest is not None
        report = self._node.publish(Configuration.read(newest))
        assert report.refused is None, report.reason
        self._control_plane.gateway.publishing.note_report("node-1", report)

    def get(self, path: str, *, scheme: str = "https", **headers: str) -> httpx.Response:
        """One request to the gateway."""
        port = self._node.settings.tls_port if scheme == "https" else self._node.settings.port
        with httpx.Client(verify=self._trust) as client:
            return client.get(f"{scheme}://localhost:{port}{path}", headers=headers)


@pytest.fixture
def backend() -> Iterator[EchoServer]:
    with EchoServer() as server:
        yield server


@pytest.fixture
def gateway(
    sqlite_control_plane: ControlPlane, adapters: Adapters, backend: EchoServer, tmp_path: Path
) -> Iterator[GatewayAtHand]:
    assert isinstance(adapters.service_hosts, FakeServiceHosts)
    adapters.service_hosts.addresses[URL] = [("127.0.0.1", backend.port)]
    certificate, key = write_pair(tmp_path, 0)
    tls: dict[str, Any] = {"tls_port": find_free_port(), "tls_certificate": certificate, "tls_key": key}
    with RunningNode(tmp_path / "gateway", find_free_port(), **tls) as node:
        at_hand = GatewayAtHand(sqlite_control_plane, node, certificate)
        at_hand.apply()
        yield at_hand


@pytest.fixture
def control_plane(sqlite_control_plane: ControlPlane) -> ControlPlane:
    """What is shown here does not depend on the database."""
    return sqlite_control_plane


def post(client: TestClient, where: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(f"{ROOT}/{where}", json=body)
    assert answer.status_code in {200, 201}, answer.text
    return dict(answer.json())


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_versioned_api_is_made_released_and_called_with_keys_until_they_are_revoked(
    client: TestClient, gateway: GatewayAtHand
) -> None:
    """One story, since each step needs the one before, and a gateway."""
    post(client, "version-sets", VERSION_SET)
    post(client, "apis", {**API, "subscription_required": True})
    gateway.apply()
    assert refusal(gateway.get("/ml-model/v1/score")) == (404, "api_not_released")

    post(client, "apis/ml-model-v1/releases", RELEASE)
    gateway.apply()
    missing = gateway.get("/ml-model/v1/score")
    assert refusal(missing) == (401, "key_missing")
    assert KEY.lower() in missing.headers["www-authenticate"]

    post(client, "apis", {**API, "api_id": "ml-model-v2", "api_version": "v2"})
    made = post(client, "subscriptions", {"display_name": "Shop", "scope": {"kind": "api", "name": "ml-model-v1"}})
    elsewhere = post(
        client, "subscriptions", {"display_name": "Other", "scope": {"kind": "api", "name": "ml-model-v2"}}
    )
    keys = {"primary": made["primary_key"], "secondary": made["secondary_key"]}
    subscription = made["subscription"]["subscription_id"]
    gateway.apply()
    for key in keys.values():
        answer = gateway.get("/ml-model/v1/score?row=7", **{KEY: key})
        assert answer.json()["path"] == "/score?row=7"
        assert key not in answer.text
        assert ["modelyard-subscription", subscription] in answer.json()["headers"]
    wrong = elsewhere["primary_key"]
    assert refusal(gateway.get("/ml-model/v1/score", **{KEY: wrong})) == (403, "subscription_out_of_scope")
    assert refusal(gateway.get("/ml-model/v9/score", **{KEY: keys["primary"]})) == (404, "api_version_unknown")
    by_plain_http = gateway.get("/ml-model/v1/score", scheme="http", **{KEY: keys["primary"]})
    assert by_plain_http.status_code == 308
    assert by_plain_http.headers["location"].startswith("https://localhost:")

    fresh = post(client, f"subscriptions/{subscription}/keys/primary/regenerate", {})["key"]
    gateway.apply()
    assert refusal(gateway.get("/ml-model/v1/score", **{KEY: keys["primary"]})) == (401, "key_invalid")
    assert gateway.get("/ml-model/v1/score", **{KEY: fresh}).status_code == 200

    post(client, f"subscriptions/{subscription}/cancel", {})
    gateway.apply()
    for key in (fresh, keys["secondary"]):
        assert refusal(gateway.get("/ml-model/v1/score", **{KEY: key})) == (401, "key_invalid")

    status = client.get(f"{ROOT}/status").json()
    assert status["public_ip_addresses"] == ["127.0.0.1"]
    assert status["configuration"]["state"] == "applied"
