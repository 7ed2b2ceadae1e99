"""A roll-out, and what follows from what is known of it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from modelyard.analysis.guardrails import Guardrail, Verdict
from modelyard.errors import NotFound
from modelyard.promotion.states import RequestStatus
from modelyard.registry.states import Stage
from modelyard.rollouts.measures import Finding, Progress
from modelyard.rollouts.plan import Plan, Step, StepKind, only
from modelyard.rollouts.states import RolloutStatus
from modelyard.traffic.domain import Split, comparison_name

_CLEARING = timedelta(seconds=5)
"""How long the candidate goes on after its last request was sent to it, so that it answers what it has begun."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """A candidate takes over from the former version, step by step."""

    rollout_id: str
    tenant_id: str
    model_name: str
    former: int
    candidate: int
    plan: Plan
    status: RolloutStatus
    step: int
    """Which of the plan's steps it is at, from 0."""
    step_since: datetime
    reason: str | None
    """Why it stands where it does."""
    progress: Progress
    request_id: str | None
    """The request for production that it made."""
    job_id: str | None
    """The job that deploys the candidate; None where it served already."""
    is_promoted: bool
    """Whether a promotion started it, so that the candidate was in production from the beginning."""
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"rollouts/{self.rollout_id}"

    @property
    def current_step(self) -> Step:
        """The one that it is at."""
        return self.plan.steps[self.step]

    @property
    def is_at_open_pause(self) -> bool:
        """Whether its step is over as soon as somebody resumes it."""
        return self.current_step.kind is StepKind.PAUSE and self.current_step.seconds is None

    @property
    def percent(self) -> float:
        """Of the requests, that the candidate answers."""
        if self.split is None:
            return 100.0 if self.status in {RolloutStatus.WARM, RolloutStatus.DONE} else 0.0
        return sum(share.percent for share in self.split.shares if share.version == self.candidate)

    @property
    def comparison(self) -> str | None:
        """What nodes report the comparison of its candidate as a shadow by; None where answers are not compared."""
        if self.plan.tolerance is None:
            return None
        # The salt of its split is its own id.
        return comparison_name(
            self.rollout_id, answering=self.former, shadow=self.candidate, tolerance=self.plan.tolerance
        )

    @property
    def split(self) -> Split | None:
        """How the requests are divided; None: all go to the version in production."""
        if self.status in {RolloutStatus.PENDING, RolloutStatus.ROLLING_BACK}:
            return only(self.former)
        if self.status.sends_requests:
            return self.plan.split_at(self.step, former=self.former, candidate=self.candidate)
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known at a moment."""

    now: datetime
    production: int | None
    """The version that is in production."""
    candidate_is_ready: bool
    candidate_failure: str | None
    """Why the candidate cannot serve."""
    candidate_stage: Stage | None
    """Its stage; None where the version is deleted, or is being."""
    former_is_deployed: bool
    request: RequestStatus | None
    """Where the request for production stands; None where there is none."""
    findings: Mapping[Guardrail, Finding]


class Effect(StrEnum):
    """What is done besides: each again and again, until the facts say that it is done."""

    DEPLOY_CANDIDATE = "deploy_candidate"
    REQUEST_APPROVAL = "request_approval"
    RESTORE_FORMER = "restore_former"
    """Put the former version back into production."""
    CANCEL_JOB = "cancel_job"
    """The one that deploys the candidate."""
    UNDEPLOY_CANDIDATE = "undeploy_candidate"
    UNDEPLOY_FORMER = "undeploy_former"


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the roll-out stands now, and what is to be done."""

    status: RolloutStatus
    step: int
    reason: str | None = None
    effects: frozenset[Effect] = frozenset()


_TAKEN_BACK = frozenset({Effect.CANCEL_JOB, Effect.UNDEPLOY_CANDIDATE})


def decide(rollout: Rollout, facts: Facts) -> Decision:
    """From the facts to the next state. Taking back comes before everything else, and waits for nothing."""
    if rollout.status is RolloutStatus.ROLLING_BACK:
        return _rolling_back(rollout, facts)
    problem = _problem(rollout, facts)
    if problem is not None:
        return Decision(RolloutStatus.ROLLING_BACK, rollout.step, problem)
    follow = _DECISIONS.get(rollout.status)
    return _stay(rollout) if follow is None else follow(rollout, facts)


def _stay(rollout: Rollout, reason: str | None = None, effects: frozenset[Effect] = frozenset()) -> Decision:
    return Decision(rollout.status, rollout.step, reason or rollout.reason, effects)


def _rolling_back(rollout: Rollout, facts: Facts) -> Decision:
    if facts.production == rollout.candidate:
        return _stay(rollout, effects=frozenset({Effect.RESTORE_FORMER}))
    if facts.now < rollout.step_since + _CLEARING:
        return _stay(rollout)
    return Decision(RolloutStatus.ROLLED_BACK, rollout.step, rollout.reason, _TAKEN_BACK)


def _problem(rollout: Rollout, facts: Facts) -> str | None:
    """Why the candidate must be taken back; None where there is no reason to."""
    if facts.production not in {rollout.former, rollout.candidate}:
        other = "no version" if facts.production is None else f"version {facts.production}"
        return f"{other} is in production meanwhile"
    if (rollout.is_promoted or rollout.status is RolloutStatus.WARM) and facts.production == rollout.former:
        return f"version {rollout.former} was put back into production"
    if (unfit := _unfit(rollout, facts)) is not None:
        return unfit
    if facts.request in {RequestStatus.REJECTED, RequestStatus.WITHDRAWN}:
        return f"the request for production was {facts.request}"
    if not rollout.status.sends_requests:
        return None
    worse = [f"{rail}: {one.message}" for rail, one in facts.findings.items() if one.verdict is Verdict.WORSE]
    return f"version {rollout.candidate} is worse: {'; '.join(worse)}" if worse else None


def _unfit(rollout: Rollout, facts: Facts) -> str | None:
    """Why the candidate cannot serve, or no longer shall."""
    if facts.candidate_failure is not None:
        return f"version {rollout.candidate} cannot serve: {facts.candidate_failure}"
    if facts.candidate_stage not in {Stage.STAGING, Stage.PRODUCTION}:
        where = "is deleted" if facts.candidate_stage is None else f"was moved to stage {facts.candidate_stage}"
        return f"version {rollout.candidate} {where}"
    return _never_ready(rollout, facts) if rollout.status is RolloutStatus.PENDING else None


def _never_ready(rollout: Rollout, facts: Facts) -> str | None:
    """Why it is no longer waited for the candidate."""
    if facts.candidate_is_ready:
        return None
    if not facts.former_is_deployed:
        return f"version {rollout.former} is not deployed any more: there is nothing to compare with, and to go back to"
    if facts.now < rollout.step_since + timedelta(seconds=rollout.plan.ready_seconds):
        return None
    last = "" if rollout.reason in {None, _being_deployed(rollout)} else f"; the last that was heard: {rollout.reason}"
    return f"version {rollout.candidate} did not serve within {rollout.plan.ready_seconds:g} s{last}"


def _being_deployed(rollout: Rollout) -> str:
    return f"version {rollout.candidate} is being deployed"


def _pending(rollout: Rollout, facts: Facts) -> Decision:
    if not facts.candidate_is_ready:
        return _stay(rollout, _being_deployed(rollout), frozenset({Effect.DEPLOY_CANDIDATE}))
    return _begin(rollout, facts, 0)


def _running(rollout: Rollout, facts: Facts) -> Decision:
    step = rollout.current_step
    match step.kind:
        case StepKind.PAUSE if step.seconds is None:
            return Decision(RolloutStatus.PAUSED, rollout.step, "the plan pauses here until it is resumed")
        case StepKind.PAUSE if facts.now < rollout.step_since + timedelta(seconds=step.seconds or 0):
            return _stay(rollout)
        case StepKind.ANALYSIS:
            return _analysis(rollout, facts)
        case StepKind.APPROVAL | StepKind.FULL:
            return _waiting(rollout, facts)
        case _:
            return _begin(rollout, facts, rollout.step + 1)


def _analysis(rollout: Rollout, facts: Facts) -> Decision:
    step = rollout.current_step
    watched = rollout.plan.watched_at(rollout.step)
    undecided = [rail for rail in sorted(watched) if facts.findings[rail].verdict is not Verdict.NOT_WORSE]
    missing = [f"{rail}: {facts.findings[rail].message}" for rail in undecided]
    if rollout.progress.step_requests < step.min_requests:
        missing.append(f"{rollout.progress.step_requests} of {step.min_requests} requests in this step")
    if not missing:
        return _begin(rollout, facts, rollout.step + 1)
    said = f"too little data yet: {'; '.join(missing)}"
    if step.seconds is not None and facts.now >= rollout.step_since + timedelta(seconds=step.seconds):
        return Decision(RolloutStatus.PAUSED, rollout.step, f"{said}, after {step.seconds:g} s")
    return _stay(rollout, said)


def _begin(rollout: Rollout, facts: Facts, step: int) -> Decision:
    """Enter a step."""
    needs_approval = rollout.plan.steps[step].kind in {StepKind.APPROVAL, StepKind.FULL}
    if not needs_approval or facts.production == rollout.candidate or rollout.status is RolloutStatus.PENDING:
        return Decision(RolloutStatus.RUNNING, step)
    return _wait_for_approval(step, facts)


def _waiting(rollout: Rollout, facts: Facts) -> Decision:
    if facts.production != rollout.candidate:
        return _wait_for_approval(rollout.step, facts)
    if rollout.current_step.kind is StepKind.APPROVAL:
        return _begin(rollout, facts, rollout.step + 1)
    said = f"version {rollout.former} stays warm for {rollout.plan.warm_seconds:g} s"
    return Decision(RolloutStatus.WARM, rollout.step, said)


def _wait_for_approval(step: int, facts: Facts) -> Decision:
    """A request that has expired is made again."""
    is_open = facts.request is RequestStatus.REQUESTED
    effects = frozenset[Effect]() if is_open else frozenset({Effect.REQUEST_APPROVAL})
    said = "the request for production waits for its approval"
    return Decision(RolloutStatus.WAITING, step, said, effects)


def _warm(rollout: Rollout, facts: Facts) -> Decision:
    if facts.now < rollout.step_since + timedelta(seconds=rollout.plan.warm_seconds):
        return _stay(rollout)
    said = f"version {rollout.candidate} took over from version {rollout.former}"
    return Decision(RolloutStatus.DONE, rollout.step, said, frozenset({Effect.UNDEPLOY_FORMER}))


_DECISIONS: Mapping[RolloutStatus, Callable[[Rollout, Facts], Decision]] = {
    RolloutStatus.PENDING: _pending,
    RolloutStatus.RUNNING: _running,
    RolloutStatus.WAITING: _waiting,
    RolloutStatus.WARM: _warm,
}
"""Of states in which something may follow from the facts besides going back."""


def rollout_not_found(rollout_id: str) -> NotFound:
    """What a question about a roll-out that is not there is answered with."""
    return NotFound(f"there is no roll-out '{rollout_id}'", code="rollout_not_found")
