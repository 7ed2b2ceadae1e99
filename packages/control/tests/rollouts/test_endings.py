"""How roll-outs end that cannot go on, and what is left when two processes or a person meet in one."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from rollout_world import MODEL, SHORT, RolloutWorld

from modelyard.analysis.guardrails import Guardrail
from modelyard.errors import Conflict
from modelyard.jobs.states import JobStatus
from modelyard.registry.states import Stage
from modelyard.rollouts import store
from modelyard.rollouts.domain import Rollout
from modelyard.rollouts.plan import Step, StepKind, only
from modelyard.rollouts.states import RolloutStatus
from modelyard.traffic.domain import Split, grown

FORMER, CANDIDATE = 1, 2
SHORTLY = replace(SHORT, ready_seconds=300)
PAUSED_AT_ONCE = replace(SHORT, steps=(Step(StepKind.WEIGHT, percent=10), Step(StepKind.PAUSE), Step(StepKind.FULL)))


def ended(world: RolloutWorld, rollout: Rollout) -> Rollout:
    """The same once everything is cleared up."""
    world.look()
    assert world.now(rollout).status is RolloutStatus.ROLLING_BACK, world.now(rollout).reason
    assert world.split() == only(FORMER)
    world.clock.sleep(6)
    world.look()
    assert (world.now(rollout).status, world.split()) == (RolloutStatus.ROLLED_BACK, None)
    return world.now(rollout)


class TestPending:
    """A roll-out whose candidate does not serve yet."""

    def test_one_that_is_never_ready_goes_back_after_the_plan_s_time_and_its_job_is_cancelled(
        self, world: RolloutWorld
    ) -> None:
        rollout = world.start(SHORTLY)
        world.look(2)
        world.clock.sleep(299)
        world.look()
        assert world.now(rollout).status is RolloutStatus.PENDING
        world.clock.sleep(2)
        back = ended(world, rollout)
        assert back.reason == "version 2 did not serve within 300 s"
        assert world.control_plane.jobs.get(world.principal, str(back.job_id)).status is JobStatus.CANCELLED

    def test_what_kept_it_back_is_in_the_reason(self, world: RolloutWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise Conflict("no more deployments are allowed", code="quota_exceeded")

        rollout = world.start(SHORTLY)
        monkeypatch.setattr(world.control_plane.deployment_parts.verbs, "deploy", refuse)
        world.look(2)
        assert world.now(rollout).reason == "no more deployments are allowed"
        world.clock.sleep(301)
        said = "version 2 did not serve within 300 s; the last that was heard: no more deployments are allowed"
        assert ended(world, rollout).reason == said

    def test_one_whose_deployment_is_deleted_goes_back_at_once(
        self, world: RolloutWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rollout = world.start(SHORTLY)
        world.look()
        job = world.control_plane.jobs.get(world.principal, str(world.now(rollout).job_id))
        monkeypatch.setattr(world.control_plane.jobs, "get", lambda *_: replace(job, status=JobStatus.SUCCEEDED))
        assert ended(world, rollout).reason == "version 2 cannot serve: it is not deployed any more"

    def test_one_without_a_former_version_that_serves_goes_back(self, world: RolloutWorld) -> None:
        rollout = world.start(SHORTLY)
        (former,) = world.control_plane.deployments.page(world.principal).items
        world.control_plane.deployments.undeploy(world.principal, former.deployment_id)
        assert "version 1 is not deployed any more" in str(ended(world, rollout).reason)

    def test_a_plan_of_an_earlier_release_has_an_hour(self, world: RolloutWorld) -> None:
        rollout = world.start(SHORTLY)
        with world.control_plane.database.write() as connection:
            content = {"steps": [{"full": True}], "guardrails": {"alpha": 0.05, "beta": 0.05}}
            store.change(connection, rollout.rollout_id, plan={**content, "sticky": None, "warm_seconds": 60})
        assert world.now(rollout).plan.ready_seconds == 3600


class TestAStageThatChanges:
    """Under a roll-out."""

    @pytest.mark.parametrize("bring", [RolloutWorld.start, RolloutWorld.begun])
    def test_a_candidate_that_leaves_staging_is_taken_back(
        self, world: RolloutWorld, bring: Callable[[RolloutWorld], Rollout]
    ) -> None:
        rollout = bring(world)
        world.control_plane.promotion.change_stage(
            world.principal, world.candidate, Stage.NONE, comment="wrong data", revision=None
        )
        assert ended(world, rollout).reason == "version 2 was moved to stage none"


def _pending(world: RolloutWorld) -> Rollout:
    rollout = world.start()
    world.look()
    return rollout


def _running(world: RolloutWorld) -> Rollout:
    return world.begun()


def _paused(world: RolloutWorld) -> Rollout:
    rollout = world.begun(PAUSED_AT_ONCE)
    world.look(2)
    return rollout


def _waiting(world: RolloutWorld) -> Rollout:
    rollout = world.begun()
    world.rollouts.promote(world.principal, rollout.rollout_id, reason="", revision=None)
    world.look()
    return rollout


def _warm(world: RolloutWorld) -> Rollout:
    rollout = _waiting(world)
    world.approve(world.now(rollout).request_id)
    world.look()
    return rollout


class TestAbort:
    """Works in every state that is not an end."""

    @pytest.mark.parametrize(
        ("bring", "status"),
        [
            (_pending, RolloutStatus.PENDING),
            (_running, RolloutStatus.RUNNING),
            (_paused, RolloutStatus.PAUSED),
            (_waiting, RolloutStatus.WAITING),
            (_warm, RolloutStatus.WARM),
        ],
    )
    def test_the_candidate_is_taken_back_and_what_was_measured_stays(
        self, world: RolloutWorld, bring: Callable[[RolloutWorld], Rollout], status: RolloutStatus
    ) -> None:
        rollout = bring(world)
        assert world.now(rollout).status is status
        if status.sends_requests:
            world.meter.count(FORMER, 90)
            world.meter.count(CANDIDATE, 10)
            world.look()
        seen = world.now(rollout).progress
        assert (Guardrail.ERRORS in seen.evidence) is status.sends_requests
        for _ in range(2):
            world.rollouts.abort(world.principal, rollout.rollout_id, reason="enough", revision=None)
            assert world.split() == only(FORMER)
        world.look(2)
        world.clock.sleep(6)
        world.look()
        world.settle()
        back = world.now(rollout)
        assert (back.status, back.reason) == (RolloutStatus.ROLLED_BACK, "aborted by alice: enough")
        assert (back.progress.evidence, back.progress.trails) == (seen.evidence, seen.trails)
        assert (world.serving(), world.production(), world.split()) == ({FORMER}, FORMER, None)
        with pytest.raises(Conflict) as refused:
            world.rollouts.abort(world.principal, rollout.rollout_id, reason="", revision=None)
        assert refused.value.code == "rollout_transition_refused"


class TestTwoAtOnce:
    """Processes, or a process and a person."""

    def test_the_former_version_is_not_undeployed_by_who_did_not_hear_of_an_abort(self, world: RolloutWorld) -> None:
        rollout = _warm(world)
        stale = world.now(rollout)
        world.clock.sleep(61)
        world.rollouts.abort(world.principal, rollout.rollout_id, reason="", revision=None)
        world.parts.reconciler.reconcile(stale)
        world.settle()
        assert (world.now(rollout).status, world.serving()) == (RolloutStatus.ROLLING_BACK, {FORMER, CANDIDATE})

    def test_what_was_divided_by_hand_while_the_former_version_stays_warm_is_left(self, world: RolloutWorld) -> None:
        rollout = _warm(world)
        halves = Split(shares=grown(FORMER, CANDIDATE, 50))
        world.parts.traffic.set(world.principal, MODEL, halves, revision=None, reason="")
        world.clock.sleep(61)
        world.look()
        assert (world.now(rollout).status, world.split()) == (RolloutStatus.DONE, halves)

    def test_what_was_deployed_before_a_process_was_killed_is_found_and_taken_back(self, world: RolloutWorld) -> None:
        rollout = world.begun()
        with world.control_plane.database.write() as connection:
            store.change(connection, rollout.rollout_id, job_id=None)  # As if it had not come to write it.
        world.rollouts.abort(world.principal, rollout.rollout_id, reason="", revision=None)
        ended(world, rollout)
        world.settle()
        assert world.serving() == {FORMER}

    def test_a_job_that_was_made_before_is_written_down_and_not_made_again(self, world: RolloutWorld) -> None:
        rollout = world.start()
        world.look()
        job_id = str(world.now(rollout).job_id)
        with world.control_plane.database.write() as connection:
            store.change(connection, rollout.rollout_id, job_id=None)
        world.deploy(world.candidate, job_id=job_id)
        (stale,) = world.rollouts.page(world.principal, model_name=MODEL, status=None, limit=1, cursor=None).items
        world.parts.reconciler._deploy_candidate(stale)
        assert world.parts.reconciler._deploy_candidate(stale) == {"job_id": job_id}

    def test_a_deployment_that_cannot_be_undeployed_keeps_no_roll_out_from_its_end(
        self, world: RolloutWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise Conflict("the target 'eu' is not configured", code="target_not_configured")

        rollout = world.begun()
        monkeypatch.setattr(world.control_plane.deployments, "undeploy_within", refuse)
        world.rollouts.abort(world.principal, rollout.rollout_id, reason="", revision=None)
        assert "is left: the target 'eu' is not configured" in str(ended(world, rollout).reason)
