"""Whether stable addresses of models need a subscription. Pure."""

from collections.abc import Sequence

from modelyard.gateway.publishing.domain import GatewayNode
from modelyard.gateway.publishing.settings import GatewayAccess
from modelyard.gateway_node.settings import GatewayNodeSettings
from modelyard.trusted_sources import is_loopback


def needs_subscription(
    access: GatewayAccess | None, own_node: GatewayNodeSettings, nodes: Sequence[GatewayNode]
) -> bool:
    """As the operator says, else as soon as any node can be called from another machine.

    Before a node has said where it listens, the control plane's own settings count, and only if they name a host.
    """
    if access is not None:
        return access is GatewayAccess.SUBSCRIPTION
    if nodes:
        return not all(is_loopback(node.host) for node in nodes)
    return not ("host" in own_node.model_fields_set and own_node.is_local)
