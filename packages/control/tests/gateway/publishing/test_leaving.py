"""Servers stay until the gateway leads no requests to them, and are announced when it does."""

from typing import Any

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.envoy.resources import typed
from modelyard.gateway.publishing.arriving import Arriving
from modelyard.gateway.publishing.leaving import Leaving
from modelyard.gateway.publishing.service import Publishing
from modelyard.gateway_node import Configuration
from modelyard.gateway_node.control_plane import NodeReport


def leading_to(*names: str) -> Configuration:
    clusters = (typed("envoy.config.cluster.v3.Cluster", name=name) for name in names)
    return Configuration(clusters=tuple(clusters), endpoints=(), routes={})


def report(running: Configuration | None) -> NodeReport:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": 1, "tls_port": None, "envoy_version": None, "problem": None}
    return NodeReport(running=None if running is None else running.digest, is_serving=True, **values)


@pytest.fixture
def publishing(sqlite_database: Database, clock: ManualClock) -> Publishing:
    return Publishing(database=sqlite_database, clock=clock)


class TestLeaving:
    def test_servers_stay_until_every_node_has_confirmed_a_configuration_without_them(
        self, publishing: Publishing
    ) -> None:
        leaving = Leaving(publishing)
        before, after = leading_to("dep-1.http", "dep-2.http"), leading_to("dep-2.http")
        publishing.publish(before)
        for node in "ab":
            publishing.note_report(node, report(before))
        assert not leaving.has_left("dep-1")
        publishing.publish(after)
        publishing.note_report("a", report(after))
        assert not leaving.has_left("dep-1")
        publishing.note_report("b", report(after))
        assert leaving.has_left("dep-1")
        assert not leaving.has_left("dep-2")

    def test_without_a_gateway_nothing_keeps_them(self, publishing: Publishing) -> None:
        publishing.publish(leading_to("dep-1.http"))
        assert Leaving(publishing).has_left("dep-1")

    def test_a_node_that_never_confirms_keeps_them_for_a_while_only(self, publishing: Publishing) -> None:
        """Removal asks in every pass until nothing is left of a deployment: it waits once, not before each step."""
        seconds = [0.0]
        leaving = Leaving(publishing, now=lambda: seconds[-1])
        publishing.publish(leading_to("dep-1.http"))
        publishing.note_report("a", report(None))
        answers = []
        for second in range(60):
            seconds.append(float(second))
            answers.append(leaving.has_left("dep-1"))
        assert answers == [False] * 16 + [True] * 44

    def test_a_deployment_that_ran_again_is_waited_for_anew(self, publishing: Publishing) -> None:
        seconds = [0.0]
        leaving = Leaving(publishing, now=lambda: seconds[-1])
        publishing.publish(leading_to("dep-1.http"))
        publishing.note_report("a", report(None))
        assert not leaving.has_left("dep-1")
        seconds.append(3600.0)
        assert not leaving.has_left("dep-1")


class TestArriving:
    def test_a_deployment_is_there_when_every_node_has_confirmed_a_configuration_with_it(
        self, publishing: Publishing
    ) -> None:
        arriving = Arriving(publishing)
        before, after = leading_to("dep-1.http"), leading_to("dep-1.http", "dep-2.http")
        publishing.publish(before)
        for node in "ab":
            publishing.note_report(node, report(before))
        assert arriving.has_arrived("dep-1")
        publishing.publish(after)
        publishing.note_report("a", report(after))
        assert not arriving.has_arrived("dep-2")
        publishing.note_report("b", report(after))
        assert arriving.has_arrived("dep-2")

    def test_without_a_gateway_it_is_there_at_once(self, publishing: Publishing) -> None:
        assert Arriving(publishing).has_arrived("dep-1")

    def test_a_node_that_never_confirms_is_awaited_for_a_while_only(self, publishing: Publishing) -> None:
        seconds = [0.0]
        arriving = Arriving(publishing, now=lambda: seconds[-1])
        publishing.publish(leading_to("dep-1.http"))
        publishing.note_report("a", report(None))
        assert not arriving.has_arrived("dep-1")
        seconds.append(11.0)
        assert arriving.has_arrived("dep-1")
