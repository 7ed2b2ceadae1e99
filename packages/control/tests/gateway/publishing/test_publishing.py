"""Publishing configurations of the gateway: what is newest, what nodes say, and what others see of it."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.envoy.resources import typed
from modelyard.gateway.publishing.addresses import https_port, public_addresses
from modelyard.gateway.publishing.domain import LIVE_FOR, GatewayNode, PublicationState
from modelyard.gateway.publishing.service import Publisher, Publishing
from modelyard.gateway_node import Configuration
from modelyard.gateway_node.control_plane import CREDENTIAL_PREFIX, NodeReport
from modelyard.main import ControlPlane

NODES = "/api/v1/gateway/nodes"
CONFIGURATION = "/api/v1/gateway/configuration"
STATUS = "/api/v1/gateway/status"
A, B = (
    Configuration(clusters=(typed("envoy.config.cluster.v3.Cluster", name=name),), endpoints=(), routes={})
    for name in "ab"
)


def report(running: Configuration | None = None, refused: Configuration | None = None) -> NodeReport:
    return NodeReport(
        running=None if running is None else running.digest,
        refused=None if refused is None else refused.digest,
        reason=None if refused is None else "route: unknown cluster 'b'",
        is_serving=True,
        host="0.0.0.0",
        port=8080,
        tls_port=8443,
        envoy_version="1.40.0",
        problem=None,
    )


@pytest.fixture
def publishing(database: Database, clock: ManualClock) -> Publishing:
    return Publishing(database=database, clock=clock)


class TestPublishing:
    def test_it_compiles_when_facts_change_and_publishes_when_the_configuration_does(
        self, publishing: Publishing
    ) -> None:
        facts, compiled = ["a"], []

        def compile_configuration(seen: str) -> Configuration:
            compiled.append(seen)
            if seen == "broken":
                raise ValueError("no")
            return B if seen == "b" else A

        publisher = Publisher(publishing, read_facts=lambda: facts[-1], compile_configuration=compile_configuration)
        for _ in range(3):
            publisher.make_pass()
        assert compiled == ["a"]
        first = publishing.status().newest
        assert first is not None
        assert (first.number, first.digest) == (1, A.digest)
        facts.append("like a")
        publisher.make_pass()
        assert publishing.status().newest == first
        facts.append("broken")
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                publisher.make_pass()
        for each in "ba":
            facts.append(each)
            publisher.make_pass()
        assert compiled == ["a", "like a", "broken", "broken", "b", "a"]
        last = publishing.status().newest
        assert last is not None
        assert (last.number, last.digest) == (3, A.digest)

    def test_the_newest_is_given_to_who_has_seen_another(self, publishing: Publishing) -> None:
        assert publishing.newer(None) is None
        publishing.publish(A)
        assert Configuration.read(publishing.newer(None) or "") == A
        assert publishing.newer(A.digest) is None
        assert publishing.newer(B.digest) == A.text

    def test_only_the_last_ones_are_kept(self, publishing: Publishing, database: Database) -> None:
        for _ in range(15):
            publishing.publish(A)
            publishing.publish(B)
        with database.read() as connection:
            kept = connection.exec_driver_sql("SELECT count(*) FROM gateway_configurations").scalar_one()
        assert kept == 20
        assert publishing.newer(None) == B.text

    def test_it_is_applied_when_every_live_node_runs_it(self, publishing: Publishing, clock: ManualClock) -> None:
        publishing.publish(A)
        assert publishing.status().state is PublicationState.WAITING
        publishing.note_report("one", report(A))
        publishing.note_report("two", report())
        assert publishing.status().state is PublicationState.APPLYING
        publishing.note_report("two", report(A))
        assert publishing.status().state is PublicationState.APPLIED
        publishing.publish(B)
        publishing.note_report("one", report(B))
        publishing.note_report("two", report(A, refused=B))
        assert publishing.status().state is PublicationState.REFUSED
        assert [node.reason for node in publishing.status().nodes] == [None, "route: unknown cluster 'b'"]
        clock.sleep(LIVE_FOR.total_seconds())
        publishing.note_report("one", report(B))
        assert publishing.status().state is PublicationState.APPLIED


class TestAddresses:
    def test_they_are_the_operators_or_where_the_nodes_listen(self) -> None:
        said = report()
        names = ("host", "port", "tls_port", "is_serving", "running", "refused", "reason", "envoy_version", "problem")
        values = {name: getattr(said, name) for name in names}
        nodes = [GatewayNode(name=name, seen_at=datetime(2026, 1, 1, tzinfo=UTC), **values) for name in "ab"]
        assert public_addresses(None, nodes) == ["https://127.0.0.1:8443", "http://127.0.0.1:8080"]
        assert public_addresses("https://models.example.com", nodes) == ["https://models.example.com"]
        assert https_port(None, nodes) == https_port("http://models.example.com", nodes) == 8443
        assert https_port("https://models.example.com", nodes) == 443
        assert https_port("https://models.example.com:444", []) == 444
        assert https_port("http://models.example.com", []) is None
        assert nodes[0].is_live(nodes[0].seen_at + timedelta(seconds=10))


class TestOverHttp:
    @pytest.fixture
    def node(self, anonymous: TestClient, sqlite_control_plane: ControlPlane) -> dict[str, str]:
        """The headers of a node."""
        settings = sqlite_control_plane._settings
        key = settings.gateway_node.credential(settings.storage.places)
        return {"Authorization": f"Bearer {CREDENTIAL_PREFIX}{key}"}

    @pytest.fixture
    def control_plane(self, sqlite_control_plane: ControlPlane) -> ControlPlane:
        return sqlite_control_plane

    def test_a_node_gets_the_newest_and_its_report_is_in_the_status(
        self, client: TestClient, node: dict[str, str], control_plane: ControlPlane
    ) -> None:
        assert client.get(CONFIGURATION, headers=node).status_code == 204
        control_plane.gateway.publishing.publish(A)
        got = client.get(CONFIGURATION, headers=node)
        assert Configuration.read(got.text) == A
        digest = A.digest
        known: dict[str, str | float] = {"seen": digest, "wait_seconds": 0.3}
        assert client.get(CONFIGURATION, params=known, headers=node).status_code == 204
        said = report(A)
        body = {name: getattr(said, name) for name in said.__slots__} | {"refused_parts": []}
        assert client.put(f"{NODES}/one", json=body, headers=node).status_code == 204
        status = client.get(STATUS).json()
        assert status["configuration"]["state"] == "applied"
        assert status["addresses"] == ["https://127.0.0.1:8443", "http://127.0.0.1:8080"]
        assert [(each["name"], each["running"]) for each in status["nodes"]] == [("one", digest)]

    def test_a_node_may_nothing_else_and_a_wrong_credential_nothing(
        self, client: TestClient, node: dict[str, str]
    ) -> None:
        assert client.get(STATUS, headers=node).status_code == 403
        assert client.get("/mlops/models", headers=node).status_code == 403
        wrong = {"Authorization": f"Bearer {CREDENTIAL_PREFIX}{'x' * 43}"}
        assert client.get(CONFIGURATION, headers=wrong).status_code == 401

    def test_no_other_tenant_sees_nodes_or_fetches_what_all_route_by(
        self, client: TestClient, control_plane: ControlPlane
    ) -> None:
        control_plane.gateway.publishing.note_report("one", report())
        made = client.post("/api/v1/access/tenants", json={"tenant_id": "other", "admin": "ada"})
        assert made.status_code == 201, made.text
        other = {"Authorization": f"Bearer {made.json()['admin_token']['secret']}"}
        assert client.get(CONFIGURATION, headers=other).status_code == 403
        seen = client.get(STATUS, headers=other).json()
        assert seen["nodes"] == []
        assert seen["addresses"] != []

    def test_a_request_that_waits_ends_when_the_process_stops(
        self, client: TestClient, node: dict[str, str], control_plane: ControlPlane
    ) -> None:
        control_plane.stopping.set()
        assert client.get(CONFIGURATION, params={"wait_seconds": 20}, headers=node).status_code == 204
