"""Who may call stable addresses of models."""

from datetime import UTC, datetime

import pytest

from modelyard.gateway.publishing.domain import GatewayNode
from modelyard.gateway.publishing.model_access import needs_subscription
from modelyard.gateway.publishing.settings import GatewayAccess
from modelyard.gateway_node.settings import GatewayNodeSettings


def node(host: str) -> GatewayNode:
    return GatewayNode(
        name=host,
        running=None,
        refused=None,
        reason=None,
        is_serving=True,
        host=host,
        port=8080,
        tls_port=None,
        envoy_version=None,
        problem=None,
        seen_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


class TestModelAccess:
    @pytest.mark.parametrize(
        ("access", "hosts", "needed"),
        [
            (None, ["127.0.0.1"], False),
            (None, ["127.0.0.1", "0.0.0.0"], True),
            (None, ["10.0.0.7"], True),
            (GatewayAccess.OPEN, ["0.0.0.0"], False),
            (GatewayAccess.SUBSCRIPTION, ["127.0.0.1"], True),
        ],
    )
    def test_it_is_open_on_loopback_alone_unless_the_operator_says_otherwise(
        self, access: GatewayAccess | None, hosts: list[str], *, needed: bool
    ) -> None:
        assert needs_subscription(access, GatewayNodeSettings(), [node(host) for host in hosts]) is needed

    def test_before_any_node_is_heard_it_is_open_only_where_loopback_is_set(self) -> None:
        assert needs_subscription(None, GatewayNodeSettings(), [])
        assert needs_subscription(None, GatewayNodeSettings(host="0.0.0.0"), [])
        assert not needs_subscription(None, GatewayNodeSettings(host="127.0.0.1"), [])
