"""Where models are called, as far as the gateway is known."""

from dataclasses import replace
from typing import Any

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.gateway.publishing.service import Publishing
from modelyard.gateway.publishing.stable_addresses import GatewayAddresses
from modelyard.gateway_node.control_plane import NodeReport

NODE = NodeReport(
    running="a" * 64, is_serving=True, host="127.0.0.1", port=8080, tls_port=None, envoy_version=None, problem=None
)


@pytest.fixture
def publishing(sqlite_database: Database, clock: ManualClock) -> Publishing:
    return Publishing(database=sqlite_database, clock=clock)


def address(publishing: Publishing, tenant_id: str = "default", model: str = "churn", **fields: Any) -> str | None:
    return GatewayAddresses(publishing, url=fields.get("url")).of_tenant(tenant_id).of_model(model)


class TestStableAddresses:
    def test_without_a_gateway_there_is_none(self, publishing: Publishing) -> None:
        assert address(publishing) is None

    def test_it_is_below_the_place_where_the_node_listens(self, publishing: Publishing) -> None:
        publishing.note_report("a", NODE)
        assert address(publishing) == "http://127.0.0.1:8080/churn"
        assert address(publishing, "acme", "Größe 1/2") == "http://127.0.0.1:8080/@acme/Gr%C3%B6%C3%9Fe%201%2F2"

    def test_the_operators_own_address_comes_first(self, publishing: Publishing) -> None:
        publishing.note_report("a", NODE)
        assert address(publishing, url="https://models.example.com") == "https://models.example.com/churn"

    def test_a_node_that_is_not_heard_of_keeps_its_address(self, publishing: Publishing, clock: ManualClock) -> None:
        """Whoever calls hears that it does not answer, and is not sent elsewhere."""
        publishing.note_report("a", NODE)
        clock.sleep(60)
        assert address(publishing) == "http://127.0.0.1:8080/churn"
        publishing.note_report("b", replace(NODE, port=8081))
        assert address(publishing) == "http://127.0.0.1:8081/churn"

    def test_a_node_that_said_that_it_stops_has_none(self, publishing: Publishing) -> None:
        publishing.note_report("a", NODE)
        publishing.note_report("a", replace(NODE, is_serving=False))
        assert address(publishing) is None
