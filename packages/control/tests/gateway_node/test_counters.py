"""What a node counts of each deployment's requests, with a real Envoy."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from balanced_replicas import Replica
from gateway_nodes import RunningNode, configuration, route
from ports import find_free_port

from modelyard.gateway_node.counters import BackendCounters, counters_of


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    with RunningNode(tmp_path / "gateway", find_free_port()) as node:
        yield node


class TestANode:
    """Of two deployments, one of which nobody listens for."""

    def test_it_reports_answers_and_requests_that_got_none(self, node: RunningNode) -> None:
        replica = Replica()
        backends = {"dep-1.http": [replica.server_port], "dep-2.http": [find_free_port()]}
        node.publish(configuration(backends, [route("/lost", {"dep-2.http": 1}), route("/", {"dep-1.http": 1})]))
        for path in ("/", "/", "/lost"):
            httpx.get(node.url + path, timeout=20)
        deadline = time.monotonic() + 20
        while len(node.control_plane.counted) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        replica.end()
        found = {each.backend: (each.requests, each.errors) for each in node.control_plane.counted}
        assert found == {"dep-1": (2, 0), "dep-2": (1, 1)}


class TestCounters:
    """Of Envoy's own answer."""

    def test_both_protocols_of_a_deployment_are_added(self) -> None:
        stats: list[dict[str, Any]] = [
            {"name": "cluster.dep-1.http.upstream_rq_completed", "value": 5},
            {"name": "cluster.dep-1.grpc.upstream_rq_completed", "value": 2},
            {"name": "cluster.dep-1.grpc.upstream_rq_5xx", "value": 1},
            {"name": "cluster.dep-1.http.internal.upstream_rq_5xx", "value": 9},
            {"name": "cluster.dep-2.http.upstream_rq_completed", "value": 0},
            {
                "histograms": [
                    {
                        "name": "cluster.dep-1.http.upstream_rq_time",
                        "buckets": [
                            {"upper_bound": 10, "interval": 0, "cumulative": 3},
                            {"upper_bound": 50, "interval": 0, "cumulative": 4},
                            {"upper_bound": 3.6e6, "interval": 0, "cumulative": 5},
                        ],
                    }
                ]
            },
        ]
        expected = BackendCounters("dep-1", requests=7, errors=1, timed=5, slower=((10.0, 2), (50.0, 1)))
        assert counters_of(stats) == (expected,)
