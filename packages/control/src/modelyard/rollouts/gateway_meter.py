"""Measures versions by what the nodes of the gateway, and the model servers, have counted of their deployments."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from modelyard.deployments.service import DeploymentService
from modelyard.drift.service import DriftService
from modelyard.gateway_node.comparer import ComparisonCounters
from modelyard.gateway_node.counters import NodeCounts
from modelyard.rollouts.domain import Rollout
from modelyard.rollouts.measures import Comparison, Finding, Measured, Reading
from modelyard.rollouts.watching import owner_of


class NodeCounters(Protocol):
    """What nodes have counted."""

    def by_node(self) -> Mapping[str, NodeCounts]:
        """By the node's name."""


class GatewayMeter:
    """The port `Meter`."""

    def __init__(self, *, deployments: DeploymentService, drift: DriftService, counters: NodeCounters) -> None:
        self._deployments = deployments
        self._drift = drift
        self._counters = counters

    def measure(self, rollout: Rollout) -> Measured:
        """See the port."""
        versions, nodes = self._versions(rollout), self._counters.by_node()
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
                for node, counts in nodes.items()
                for counted in counts.counters
                if counted.backend in versions
            ],
            comparisons=[
                Comparison(f"{node}/{found.backend}/{found.against}", found.compared, found.different)
                for node, found in _compared(nodes, rollout.comparison)
            ],
            drift=self._judged(rollout),
        )

    def comparisons(self, rollout: Rollout) -> Sequence[ComparisonCounters]:
        """What each node found of the candidate as a shadow, since the node started."""
        return self.compared(rollout.comparison)

    def compared(self, name: str | None) -> Sequence[ComparisonCounters]:
        """What each node found by this name of a comparison, since the node started; nothing by none."""
        return [found for _, found in _compared(self._counters.by_node(), name)]

    def _judged(self, rollout: Rollout) -> Finding | None:
        """What both versions' servers counted since the roll-out began."""
        rail = rollout.plan.guardrails.drift
        if rail is None or not rollout.status.sends_requests:
            return None
        running = self._deployments.left(owner_of(rollout), rollout.model_name, None)
        verdict, message = self._drift.judge(
            [one for one in running if one.version == rollout.candidate],
            [one for one in running if one.version == rollout.former],
            since=rollout.created_at,
            against_production=rail.against_production,
        )
        return Finding(verdict, message)

    def _versions(self, rollout: Rollout) -> Mapping[str, int]:
        """Deployments of both versions."""
        running = self._deployments.left(owner_of(rollout), rollout.model_name, None)
        return {one.deployment_id: one.version for one in running if one.version in {rollout.former, rollout.candidate}}


def _compared(nodes: Mapping[str, NodeCounts], name: str | None) -> Sequence[tuple[str, ComparisonCounters]]:
    """By node."""
    return [
        (node, found)
        for node, counts in nodes.items()
        for found in counts.comparisons
        if name is not None and found.comparison == name
    ]
