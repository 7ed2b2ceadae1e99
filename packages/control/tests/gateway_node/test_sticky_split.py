"""Who gets which version, as a real Envoy divides callers by the routes that a split is translated to."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from gateway_nodes import RunningNode
from labelling_servers import ModelServer, serving
from ports import find_free_port

from modelyard.gateway.compile import compile_table
from modelyard.gateway.compile.inputs import DeployedVersion, GatewayState, Share, TrafficSplit
from modelyard.gateway.envoy import assignments, clusters, route_configuration
from modelyard.gateway.table import Endpoint, Sticky, StickyBy
from modelyard.gateway_node import Configuration
from modelyard.traffic.domain import grown

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORMER, CANDIDATE = 1, 2
USERS = 250


def divided(servers: dict[int, ModelServer], percent: float, sticky: Sticky) -> Configuration:
    """The candidate answers a percentage of the model `churn`."""
    deployed = [
        DeployedVersion(
            deployment_id=f"dep-{version}",
            tenant_id="default",
            model_name="churn",
            version=version,
            address=Endpoint("127.0.0.1", server.server_port),
            is_ready=True,
            created_at=NOW,
        )
        for version, server in servers.items()
    ]
    shares = tuple(Share(share.version, share.weight) for share in grown(FORMER, CANDIDATE, percent))
    split = TrafficSplit(tenant_id="default", model_name="churn", shares=shares, sticky=sticky)
    table = compile_table(GatewayState(now=NOW, deployments=deployed, splits=(split,)))
    return Configuration(
        clusters=tuple(clusters(table)),
        endpoints=tuple(assignments(table)),
        routes=route_configuration(table, tls_port=None),
    )


def on_candidate(node: RunningNode, header: str) -> set[int]:
    """The users that the candidate answers; each asks twice, and gets the same version."""
    found = set()
    with httpx.Client(base_url=node.url, timeout=20) as client:
        for user in range(USERS):
            value = f"user-{user}" if header == "x-user" else f"theme=dark; uid=user-{user}"
            answers = {
                client.post("/churn/predict", json={}, headers={header: value}).json()["predictions"][0]
                for _ in range(2)
            }
            assert len(answers) == 1
            if answers == {CANDIDATE}:
                found.add(user)
    return found


class TestASplit:
    """Between two versions."""

    @pytest.mark.parametrize(
        ("by", "name", "header"), [(StickyBy.HEADER, "x-user", "x-user"), (StickyBy.COOKIE, "uid", "cookie")]
    )
    def test_who_is_on_the_candidate_stays_there_when_it_grows_and_another_salt_chooses_others(
        self, tmp_path: Path, by: StickyBy, name: str, header: str
    ) -> None:
        servers = {version: ModelServer(version) for version in (FORMER, CANDIDATE)}
        with serving(*servers.values()), RunningNode(tmp_path / "gateway", find_free_port()) as node:
            found = []
            for percent, salt in ((5, "one"), (20, "one"), (50, "one"), (50, "two")):
                report = node.publish(divided(servers, percent, Sticky(by, name, salt)))
                assert report.refused is None, report.reason
                found.append(on_candidate(node, header))
        few, some, half, others = found
        assert few < some < half
        assert 0.01 * USERS < len(few) < 0.12 * USERS
        assert 0.35 * USERS < len(half) < 0.65 * USERS
        # Independent salts agree about half of those on half of the weight.
        assert 0.25 * len(half) < len(half & others) < 0.75 * len(half)
