"""Nodes' counters of deployments become readings of versions."""

from dataclasses import replace

from rollout_world import SHORT, RolloutWorld

from modelyard.gateway_node.comparer import ComparisonCounters, Example
from modelyard.gateway_node.counters import BackendCounters
from modelyard.rollouts.gateway_meter import GatewayMeter
from modelyard.rollouts.measures import Reading
from modelyard.rollouts.plan import Guardrails
from modelyard.traffic.schemas import ComparisonAnswer


class TestGatewayMeter:
    """Over what nodes said last."""

    def test_it_reads_the_deployments_of_both_versions_and_no_others(self, world: RolloutWorld) -> None:
        rollout = world.start()
        deployment = world.control_plane.deployments.page(world.principal).items[0].deployment_id
        counting = world.control_plane.counting
        counted = BackendCounters(deployment, requests=9, errors=1, timed=8, slower=((5.0, 2), (10.0, 0)))
        counting.note("node-1", [counted, BackendCounters("dep-other", 4, 4, 4, ())])
        counting.note("node-1", [counted, BackendCounters("dep-other", 5, 5, 5, ())])
        meter = GatewayMeter(
            deployments=world.control_plane.deployments,
            drift=world.control_plane.drift_parts.drift,
            counters=counting,
        )
        assert meter.measure(rollout).readings == [
            Reading(f"node-1/{deployment}", 1, 9, 1, timed=8, slower=((5.0, 2), (10.0, 0)))
        ]

    def test_a_shadow_s_report_adds_what_nodes_found(self, world: RolloutWorld) -> None:
        rollout = world.begun(replace(SHORT, guardrails=Guardrails()))
        former, candidate = (
            next(
                one.deployment_id
                for one in world.control_plane.deployments.page(world.principal).items
                if one.version == version
            )
            for version in (1, 2)
        )
        counting = world.control_plane.counting
        for node, different in (("node-1", 1), ("node-2", 0)):
            examples = (Example("req-1", "predictions[0]: 1, not 0"),) * different
            found = ComparisonCounters(candidate, former, 10, different, 50.0, 30.0, examples, str(rollout.comparison))
            counting.note(node, [], [found, replace(found, comparison="cmp-other")])
        meter = GatewayMeter(
            deployments=world.control_plane.deployments,
            drift=world.control_plane.drift_parts.drift,
            counters=counting,
        )
        report = ComparisonAnswer.of(meter.comparisons(rollout), former=1, candidate=2, tolerance=1e-3)
        assert (report.compared, report.different, report.former_ms, report.candidate_ms) == (20, 1, 3.0, 5.0)
        assert [one.request_id for one in report.differences] == ["req-1"]
        assert sum(one.compared for one in meter.measure(rollout).comparisons) == 20
