"""Counters from look to look, and what follows from them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.analysis.counts import Counts
from modelyard.analysis.guardrails import Guardrail, Verdict
from modelyard.rollouts.measures import (
    Comparison,
    Measured,
    Progress,
    Reading,
    at_new_share,
    findings,
    look,
    slow_bound,
)
from modelyard.rollouts.plan import LatencyGuardrail, Plan

PLAN = Plan()


def _read(version: int, requests: int, errors: int = 0, *, slow: int = 0, source: str = "node") -> Reading:
    return Reading(source, version, requests, errors, requests, ((10.0, requests // 2), (50.0, slow), (100.0, slow)))


def _look(progress: Progress, *readings: Reading, comparisons: tuple[Comparison, ...] = ()) -> Progress:
    return look(progress, PLAN, Measured(readings, comparisons), former=1, candidate=2)


class TestALook:
    """At counters that only grow."""

    def test_the_first_one_only_begins_to_count(self) -> None:
        progress = _look(Progress(), _read(1, 9_000, 90), _read(2, 500, 100))
        assert (progress.evidence, progress.step_requests) == ({}, 0)

    def test_the_next_one_counts_what_came_since(self) -> None:
        progress = _look(Progress(), _read(1, 9_000, 90), _read(2, 500, 100))
        progress = _look(progress, _read(1, 9_100, 91), _read(2, 510, 101))
        errors = progress.evidence[Guardrail.ERRORS]
        assert (errors.canary, errors.control) == (Counts(10, 1), Counts(100, 1))
        assert progress.step_requests == 10

    def test_a_node_that_began_anew_counts_from_nothing(self) -> None:
        progress = _look(Progress(), _read(1, 9_000), _read(2, 500))
        progress = _look(progress, _read(1, 40), _read(2, 4, 1))
        assert progress.evidence[Guardrail.ERRORS].canary == Counts(4, 1)

    def test_nodes_are_added_and_other_versions_left_out(self) -> None:
        progress = _look(Progress(), _read(1, 0))
        progress = _look(progress, _read(1, 10), _read(2, 3), _read(2, 4, source="other"), _read(3, 99, 99))
        assert progress.evidence[Guardrail.ERRORS].canary == Counts(7, 0)

    def test_what_production_answered_before_the_candidate_had_a_share_is_not_compared(self) -> None:
        progress = _look(Progress(), _read(1, 0), _read(2, 0))
        progress = at_new_share(_look(progress, _read(1, 3_000), _read(2, 0)))
        progress = _look(progress, _read(1, 3_050, 5), _read(2, 50, 5))
        errors = progress.evidence[Guardrail.ERRORS]
        assert (errors.canary, errors.control) == (Counts(50, 5), Counts(50, 5))

    def test_comparisons_are_disagreement(self) -> None:
        progress = _look(Progress(), comparisons=(Comparison("dep-2", 20, 12),))
        found = findings(progress, PLAN)[Guardrail.DISAGREEMENT]
        assert (found.verdict, found.message) == (Verdict.WORSE, "12 of 20 compared answers were others")

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8))
    def test_what_is_written_and_read_is_the_same(self, counts: list[tuple[int, int]]) -> None:
        progress = _look(Progress(), _read(1, 0))
        total = 0
        for requests, errors in counts:
            total += requests
            progress = _look(progress, _read(1, total * 9), _read(2, total, min(errors, total)))
        assert Progress.of_json(progress.to_json()) == progress


class TestSlowAnswers:
    """Against production's own."""

    def test_the_bound_is_production_s_quantile_with_slack(self) -> None:
        assert slow_bound(LatencyGuardrail(), [_read(1, 1_000, slow=20)]) == 100.0
        assert slow_bound(LatencyGuardrail(slack=1.0), [_read(1, 1_000, slow=20)]) == 50.0

    def test_it_is_not_known_from_few_requests_or_when_most_are_beyond_all_bounds(self) -> None:
        assert slow_bound(LatencyGuardrail(), [_read(1, 99)]) is None
        assert slow_bound(LatencyGuardrail(), [_read(1, 1_000, slow=900)]) is None

    def test_a_slow_candidate_is_worse(self) -> None:
        progress = _look(Progress(), _read(1, 1_000, slow=10), _read(2, 0))
        progress = _look(progress, _read(1, 1_100, slow=11), _read(2, 12, slow=12))
        found = findings(progress, PLAN)[Guardrail.LATENCY]
        assert found.verdict is Verdict.WORSE
        assert found.message == "12 of 12 requests took longer than 100 ms, of production's 1 of 100"
