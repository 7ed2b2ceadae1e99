"""What Envoy refuses of one tenant's keeps no other tenant's changes back: a real node with a real Envoy."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from balanced_replicas import Load, Replica
from gateway_nodes import RunningNode
from gateway_objects import a_revision, a_version_set, an_api
from ports import find_free_port

from modelyard.gateway.compile import DeployedVersion, GatewayState
from modelyard.gateway.configuration import configuration_of
from modelyard.gateway.domain import Target
from modelyard.gateway.table import Endpoint
from modelyard.gateway_node import Configuration
from modelyard.gateway_node.control_plane import NodeReport
from modelyard.subscriptions.access_table import AccessTable, TokenIssuer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD, ENDLESS = 5.0, 1e15
"""Seconds; Envoy's durations end at 10,000 years."""
KEYS = '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]}'
BROKEN_KEYS = '{"keys": [{"kty": "RSA", "alg": "RS256", "n": "-", "e": "AQAB"}]}'
PATHS = {"default": "/ml-model/v1", "acme": "/@acme/ml-model/v1"}


@pytest.fixture
def replicas() -> Iterator[tuple[Replica, Replica]]:
    made = (Replica(), Replica())
    yield made
    for replica in made:
        replica.end()


@pytest.fixture
def metrics_port() -> int:
    return find_free_port()


@pytest.fixture
def node(tmp_path: Path, metrics_port: int) -> Iterator[RunningNode]:
    with RunningNode(tmp_path / "gateway", find_free_port(), metrics_port=metrics_port) as node:
        yield node


def wanted(
    servers: dict[str, Replica], *, timeouts: dict[str, float] | None = None, jwks: dict[str, str] | None = None
) -> Configuration:
    """One API of each tenant, at the server of a deployment of its own."""
    objects: dict[str, Any] = {"version_sets": [], "apis": [], "revisions": [], "deployments": []}
    for tenant_id, server in servers.items():
        deployment_id = f"{tenant_id}-{server.server_port}"
        objects["version_sets"].append(a_version_set(tenant_id=tenant_id))
        objects["apis"].append(an_api(tenant_id=tenant_id))
        timeout = (timeouts or {}).get(tenant_id, GOOD)
        target = Target(deployment_id=deployment_id)
        objects["revisions"].append(a_revision(tenant_id=tenant_id, target=target, timeout_seconds=timeout))
        objects["deployments"].append(
            DeployedVersion(
                deployment_id=deployment_id,
                tenant_id=tenant_id,
                model_name="churn",
                version=1,
                address=Endpoint("127.0.0.1", server.server_port),
                is_ready=True,
                created_at=NOW,
            )
        )
    issuers = tuple(
        TokenIssuer(f"{tenant_id}/main", tenant_id, "https://me", ("you",), keys, "sub")
        for tenant_id, keys in (jwks or {}).items()
    )
    access = AccessTable(issuers=issuers)
    return configuration_of(GatewayState(now=NOW, **objects), access=access, https_port=None, gateways=1)


def answers(node: RunningNode) -> dict[str, int]:
    """Which server answers each tenant's API."""
    got = {tenant_id: httpx.get(f"{node.url}{path}", timeout=20) for tenant_id, path in PATHS.items()}
    return {tenant_id: int(one.text) if one.is_success else one.status_code for tenant_id, one in got.items()}


def refused(report: NodeReport) -> list[tuple[str, str]]:
    return [(each.kind, each.name) for each in report.refused_parts]


class TestRefusedParts:
    def test_what_one_tenant_has_refused_stays_as_it_was_and_the_others_changes_go_on(
        self, node: RunningNode, replicas: tuple[Replica, Replica], metrics_port: int
    ) -> None:
        one, two = replicas
        ports = one.server_port, two.server_port
        assert refused(node.publish(wanted({"default": one, "acme": one}))) == []
        with Load(f"{node.url}/ml-model/v1") as load:
            bad = node.publish(wanted({"default": two, "acme": two}, timeouts={"acme": ENDLESS}))
            assert refused(bad) == [("routes", "acme/paths/ml-model")]
            assert bad.refused is None
            reason = bad.refused_parts[0].reason
            assert "timeout" in reason
            assert "duration" in reason
            assert reason.endswith(")")  # Nothing is quoted: that would be what all tenants have.
            assert "layered_runtime" not in reason
            assert answers(node) == {"default": ports[1], "acme": ports[0]}

            begun = time.monotonic()
            later = node.publish(wanted({"default": one, "acme": two}, timeouts={"acme": ENDLESS}))
            assert time.monotonic() - begun < 5
            assert refused(later) == [("routes", "acme/paths/ml-model")]
            assert answers(node) == {"default": ports[0], "acme": ports[0]}
        assert load.lost == {}
        metrics = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics/node")
        assert 'modelyard_gateway_refused_parts{kind="routes"} 1\n' in metrics.text
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")

        assert refused(node.publish(wanted({"default": one, "acme": two}))) == []
        assert answers(node) == {"default": ports[0], "acme": ports[1]}

    def test_a_node_that_starts_again_goes_on_with_what_was_there_before_the_refusal(
        self, node: RunningNode, replicas: tuple[Replica, Replica]
    ) -> None:
        one, two = replicas
        node.publish(wanted({"default": one, "acme": one}))
        bad = wanted({"default": two, "acme": two}, timeouts={"acme": ENDLESS})
        node.publish(bad)
        node.kill()
        again = RunningNode(node.folder.root, node.settings.port, node.control_plane)
        with again:
            report = again.publish(bad)
            assert refused(report) == [("routes", "acme/paths/ml-model")]
            assert answers(again) == {"default": two.server_port, "acme": one.server_port}

    def test_an_issuer_whose_keys_envoy_cannot_read_keeps_no_other_one_out(
        self, node: RunningNode, replicas: tuple[Replica, Replica]
    ) -> None:
        one, two = replicas
        node.publish(wanted({"default": one, "acme": one}))
        report = node.publish(wanted({"default": two, "acme": two}, jwks={"default": KEYS, "acme": BROKEN_KEYS}))
        assert refused(report) == [("tokens", "acme/main")]
        assert answers(node) == {"default": two.server_port, "acme": two.server_port}
        assert '"default/main"' in node.folder.filter("modelyard.tokens").read_text(encoding="utf-8")

    def test_the_first_configuration_of_a_node_may_have_a_part_that_is_refused(
        self, node: RunningNode, replicas: tuple[Replica, Replica]
    ) -> None:
        one = replicas[0]
        report = node.publish(wanted({"default": one, "acme": one}, timeouts={"acme": ENDLESS}))
        assert refused(report) == [("routes", "acme/paths/ml-model")]
        assert answers(node) == {"default": one.server_port, "acme": 404}
