"""Laws of roll-outs, over arbitrary facts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from modelyard.analysis.guardrails import Guardrail, Verdict
from modelyard.promotion.states import RequestStatus
from modelyard.registry.states import Stage
from modelyard.rollouts.domain import Facts, Rollout, decide
from modelyard.rollouts.measures import Finding, Progress
from modelyard.rollouts.plan import Plan, StepKind, only
from modelyard.rollouts.states import TRANSITIONS, RolloutStatus

PLAN = Plan()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORMER, CANDIDATE = 1, 2
UNDER_WAY = [status for status in RolloutStatus if status.is_under_way]


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    """Any that has not ended. A step is entered when the candidate is ready, and not before."""
    status = draw(st.sampled_from(UNDER_WAY))
    last = 0 if status is RolloutStatus.PENDING else len(PLAN.steps) - 1
    return Rollout(
        rollout_id="ro-1",
        tenant_id="acme",
        model_name="churn",
        former=FORMER,
        candidate=CANDIDATE,
        plan=PLAN,
        status=status,
        step=draw(st.integers(0, last)),
        step_since=NOW - timedelta(seconds=draw(st.integers(0, 10_000))),
        reason=None,
        progress=Progress(step_requests=draw(st.integers(0, 1_000))),
        request_id=None,
        job_id=None,
        is_promoted=draw(st.booleans()),
        created_by="anna",
        created_at=NOW,
        updated_at=NOW,
        revision=1,
    )


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Any."""
    return Facts(
        now=NOW,
        production=draw(st.sampled_from([None, FORMER, CANDIDATE, 3])),
        candidate_is_ready=draw(st.booleans()),
        candidate_failure=draw(st.sampled_from([None, "it ended"])),
        candidate_stage=draw(st.sampled_from([None, *Stage])),
        former_is_deployed=draw(st.booleans()),
        request=draw(st.sampled_from([None, *RequestStatus])),
        findings={rail: Finding(draw(st.sampled_from(Verdict)), "seen") for rail in Guardrail},
    )


class TestLaws:
    """Of every decision."""

    @given(rollouts(), facts())
    def test_it_follows_the_table_and_goes_on_by_one_step_at_most(self, rollout: Rollout, known: Facts) -> None:
        decision = decide(rollout, known)
        assert decision.status is rollout.status or decision.status in TRANSITIONS[rollout.status]
        assert decision.step - rollout.step in {0, 1}

    @given(rollouts(), facts())
    def test_what_is_worse_gets_no_more_requests(self, rollout: Rollout, known: Facts) -> None:
        if not rollout.status.sends_requests:
            return
        if any(finding.verdict is Verdict.WORSE for finding in known.findings.values()):
            assert decide(rollout, known).status is RolloutStatus.ROLLING_BACK

    @given(rollouts(), facts())
    def test_an_analysis_is_passed_only_where_every_watched_guardrail_says_not_worse(
        self, rollout: Rollout, known: Facts
    ) -> None:
        decision = decide(rollout, known)
        is_passed = rollout.status is RolloutStatus.RUNNING and decision.step > rollout.step
        if is_passed and rollout.current_step.kind is StepKind.ANALYSIS:
            verdicts = {known.findings[rail].verdict for rail in PLAN.watched_at(rollout.step)}
            assert verdicts == {Verdict.NOT_WORSE}

    @given(rollouts(), facts())
    def test_only_a_version_in_production_answers_everything(self, rollout: Rollout, known: Facts) -> None:
        decision = decide(rollout, known)
        if decision.status in {RolloutStatus.WARM, RolloutStatus.DONE}:
            assert known.production == CANDIDATE

    @given(rollouts(), facts())
    def test_none_waits_for_its_candidate_longer_than_its_plan_says(self, rollout: Rollout, known: Facts) -> None:
        is_late = known.now >= rollout.step_since + timedelta(seconds=PLAN.ready_seconds)
        if rollout.status is RolloutStatus.PENDING and is_late:
            assert decide(rollout, known).status is not RolloutStatus.PENDING

    def test_a_candidate_s_share_never_shrinks_on_the_way(self) -> None:
        shares = [PLAN.split_at(step, former=FORMER, candidate=CANDIDATE) for step in range(len(PLAN.steps))]
        percents = [sum(share.percent for share in split.shares if share.version == CANDIDATE) for split in shares]
        assert percents == sorted(percents)
        assert all(sum(share.weight for share in split.shares) == 10_000 for split in [*shares, only(FORMER)])
