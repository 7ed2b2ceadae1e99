"""Measures versions by what the nodes of the gateway have counted of their deployments."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from modelyard.deployments.service import DeploymentService
from modelyard.gateway_node.counters import BackendCounters
from modelyard.rollouts.domain import Rollout
from modelyard.rollouts.measures import Measured, Reading
from modelyard.rollouts.watching import owner_of


class NodeCounters(Protocol):
    """What nodes have counted."""

    def by_node(self) -> Mapping[str, Sequence[BackendCounters]]:
        """Of each deployment since the node's Envoy started."""


class GatewayMeter:
    """The port `Meter`."""

    def __init__(self, *, deployments: DeploymentService, counters: NodeCounters) -> None:
        self._deployments = deployments
        self._counters = counters

    def measure(self, rollout: Rollout) -> Measured:
        """See the port."""
        versions = {
            one.deployment_id: one.version
            for one in self._deployments.left(owner_of(rollout), rollout.model_name, None)
            if one.version in {rollout.former, rollout.candidate}
        }
        return Measured(
            readings=[
                Reading(
                    source=f"{node}/{counted.backend}",
                    version=versions[counted.backend],
                    requests=counted.requests,
                    errors=counted.errors,
                    timed=counted.timed,
                    slower=counted.slower,
                )
                for node, counters in self._counters.by_node().items()
                for counted in counters
                if counted.backend in versions
            ]
        )
