"""Nodes' counters of deployments become readings of versions."""

from rollout_world import RolloutWorld

from modelyard.gateway_node.counters import BackendCounters
from modelyard.rollouts.gateway_meter import GatewayMeter
from modelyard.rollouts.measures import Reading


class TestGatewayMeter:
    """Over what nodes said last."""

    def test_it_reads_the_deployments_of_both_versions_and_no_others(self, world: RolloutWorld) -> None:
        rollout = world.start()
        deployment = world.control_plane.deployments.page(world.principal).items[0].deployment_id
        counting = world.control_plane.counting
        counted = BackendCounters(deployment, requests=9, errors=1, timed=8, slower=((5.0, 2), (10.0, 0)))
        counting.note("node-1", [counted, BackendCounters("dep-other", 4, 4, 4, ())])
        counting.note("node-1", [counted, BackendCounters("dep-other", 5, 5, 5, ())])
        meter = GatewayMeter(deployments=world.control_plane.deployments, counters=counting)
        assert meter.measure(rollout).readings == [
            Reading(f"node-1/{deployment}", 1, 9, 1, timed=8, slower=((5.0, 2), (10.0, 0)))
        ]
