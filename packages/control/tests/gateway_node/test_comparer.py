"""A shadow beside the version that answers callers, with a real Envoy in front of both."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import httpx
import pytest
from gateway_nodes import RunningNode
from labelling_servers import ModelServer, serving
from ports import find_free_port

from modelyard.gateway.compile import compile_table
from modelyard.gateway.compile.inputs import Compared, Copies, DeployedVersion, GatewayState, Share, TrafficSplit
from modelyard.gateway.envoy import assignments, clusters, route_configuration
from modelyard.gateway.table import Endpoint
from modelyard.gateway_node import Configuration


def shadowed(former: ModelServer, candidate: ModelServer, *, tolerance: float | None = 1e-3) -> Configuration:
    """All requests of the model `churn` to version 1, and a copy of each to version 2."""
    versions = [
        DeployedVersion(
            deployment_id=f"dep-{number}",
            tenant_id="default",
            model_name="churn",
            version=number,
            address=Endpoint("127.0.0.1", server.server_port),
            is_ready=True,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for number, server in ((1, former), (2, candidate))
    ]
    compared = None if tolerance is None else Compared(name="cmp-1", against=1, tolerance=tolerance)
    shadow = Copies(version=2, percent=100, compared=compared)
    split = TrafficSplit(tenant_id="default", model_name="churn", shares=(Share(1, 100),), shadow=shadow)
    table = compile_table(GatewayState(now=datetime(2026, 1, 1, tzinfo=UTC), deployments=versions, splits=(split,)))
    return Configuration(
        clusters=tuple(clusters(table)),
        endpoints=tuple(assignments(table)),
        routes=route_configuration(table, https_port=None),
    )


class TestAShadow:
    """That gets a copy of every request."""

    def test_its_answers_are_compared_and_no_caller_waits_for_it(self, tmp_path: Path) -> None:
        former, candidate = ModelServer(0), ModelServer(1, seconds=1.0)
        with serving(former, candidate), RunningNode(tmp_path / "gateway", find_free_port()) as node:
            report = node.publish(shadowed(former, candidate))
            assert report.refused is None, report.reason
            took, answers = [], []
            with httpx.Client() as client:
                for number in range(5):
                    begun = time.perf_counter()
                    headers = {"x-request-id": f"req-{number}"}
                    got = client.post(f"{node.url}/churn/predict", json={}, headers=headers, timeout=20)
                    took.append(time.perf_counter() - begun)
                    answers.append(got.json())
            deadline = time.monotonic() + 30
            while not node.control_plane.compared and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(2)
            (found,) = node.control_plane.compared
        assert answers == [{"predictions": [0]}] * 5
        assert sorted(took)[2] < 0.5
        assert (found.backend, found.against, found.comparison) == ("dep-2", "dep-1", "cmp-1")
        assert 1 <= found.different == found.compared <= 5
        assert found.backend_ms >= 1000 * found.compared
        assert found.examples[0].difference == "predictions[0]: 1, not 0"
        assert found.examples[0].request_id.startswith("req-")
        assert candidate.copies >= 5

    def test_one_that_hangs_gets_copies_again_once_the_former_ones_are_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
    ) -> None:
        limits = import_module("modelyard.gateway.envoy.clusters")  # The package names its function so, too.
        monkeypatch.setattr(limits, "_COPY_SECONDS", 1)
        monkeypatch.setattr(limits, "_MOST_COPIES", 2)
        former, candidate = ModelServer(0), ModelServer(1, seconds=20.0)
        with serving(former, candidate), RunningNode(tmp_path / "gateway", find_free_port()) as node:
            assert node.publish(shadowed(former, candidate, tolerance=None)).refused is None

            def copies_after(calls: int) -> int:
                for _ in range(calls):
                    assert httpx.post(f"{node.url}/churn/predict", json={}, timeout=20).status_code == 200
                return candidate.copies

            assert copies_after(6) <= 2
            until(lambda: copies_after(1) > 2)
