"""The way of evidence, in few points, as the API shows it."""

from itertools import pairwise

from rollout_world import RolloutWorld

from modelyard.analysis.guardrails import Guardrail, Verdict
from modelyard.rollouts.analysis_schemas import AnalysisAnswer
from modelyard.rollouts.trail import MOST_POINTS, Point, Trail, grown, of_json, to_json


def test_it_is_thinned_out_and_keeps_its_first_and_its_last_point() -> None:
    trail: Trail = ()
    for requests in range(1, 1001):
        trail = grown(trail, Point(requests, requests / 10, 0.0))
        assert len(trail) <= MOST_POINTS
        assert (trail[0].requests, trail[-1].requests) == (1, requests)
    numbers = [point.requests for point in trail]
    assert numbers == sorted(set(numbers))
    assert max(later - sooner for sooner, later in pairwise(numbers)) <= 32
    assert of_json(to_json(trail)) == trail


def test_the_verdict_of_an_analysis_is_where_its_last_point_passes_a_bound(world: RolloutWorld) -> None:
    rollout = world.begun()
    for _ in range(3):
        world.meter.count(1, 90)
        world.meter.count(2, 10, errors=5)
        world.look()
    (errors,) = AnalysisAnswer.of(world.now(rollout)).guardrails
    assert (errors.guardrail, errors.verdict) == (Guardrail.ERRORS, Verdict.WORSE)
    assert errors.points[-1].worse >= errors.worse_bound
    assert errors.points[-1].requests == errors.candidate.requests
    assert errors.candidate.events == errors.candidate.requests / 2
    assert errors.former.events == 0
