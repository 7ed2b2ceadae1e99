"""Roll-outs on a control plane: what they do to traffic, stages and deployments, step by step."""

from dataclasses import replace

import pytest
from rollout_world import MODEL, SHORT, RolloutWorld

from modelyard.adapters.target.fake import FakeTarget
from modelyard.errors import Conflict, Invalid, ModelyardError
from modelyard.rollouts.plan import Guardrails, Plan, Step, StepKind, only
from modelyard.rollouts.states import RolloutStatus
from modelyard.traffic.domain import Shadow, Split, Traffic, grown

FORMER, CANDIDATE = 1, 2


def _good(world: RolloutWorld, requests: int = 400) -> None:
    world.meter.count(FORMER, requests * 9)
    world.meter.count(CANDIDATE, requests)


class TestAGoodCandidate:
    """Passes its analysis."""

    def test_it_takes_over_step_by_step_with_the_approval_that_the_policy_asks_for(self, world: RolloutWorld) -> None:
        rollout = world.start()
        assert world.split() == only(FORMER)
        world.look()
        pending = world.now(rollout)
        assert (pending.status, pending.job_id is not None) == (RolloutStatus.PENDING, True)
        world.deploy(world.candidate, job_id=pending.job_id)
        world.look(2)
        assert world.split() == Split(shares=grown(FORMER, CANDIDATE, 10), sticky=SHORT.sticky)
        world.look()
        assert world.now(rollout).current_step.kind is StepKind.ANALYSIS
        _good(world)
        world.look(3)
        waiting = world.now(rollout)
        assert (waiting.status, waiting.percent) == (RolloutStatus.WAITING, 50)
        assert world.production() == FORMER
        world.look(2)
        assert world.now(rollout).request_id == waiting.request_id
        world.approve(waiting.request_id)
        world.look()
        assert (world.now(rollout).status, world.split()) == (RolloutStatus.WARM, None)
        assert (world.production(), world.serving()) == (CANDIDATE, {FORMER, CANDIDATE})
        world.clock.sleep(61)
        world.look()
        world.settle()
        assert world.now(rollout).status is RolloutStatus.DONE
        assert world.serving() == {CANDIDATE}
        assert world.actions(rollout.subject) == [
            "rollout.started",
            "rollout.running",
            "rollout.step",
            "rollout.step",
            "rollout.waiting",
            "rollout.warm",
            "rollout.done",
        ]

    def test_too_little_data_pauses_it_and_never_lets_it_pass(self, world: RolloutWorld) -> None:
        rollout = world.begun()
        world.meter.count(FORMER, 20)
        world.meter.count(CANDIDATE, 2)
        world.look(2)
        assert "2 of 100 requests" in str(world.now(rollout).reason)
        world.clock.sleep(601)
        world.look()
        paused = world.now(rollout)
        assert (paused.status, paused.percent) == (RolloutStatus.PAUSED, 10)
        assert "too little data" in str(paused.reason)
        _good(world)
        world.look(3)
        assert world.now(rollout).status is RolloutStatus.PAUSED
        resumed = world.rollouts.resume(world.principal, rollout.rollout_id, reason="", revision=None)
        assert resumed.status is RolloutStatus.RUNNING
        world.look(2)
        assert world.now(rollout).percent == 50

    def test_promote_leaves_out_the_steps_and_not_the_approval(self, world: RolloutWorld) -> None:
        rollout = world.begun()
        world.rollouts.promote(world.principal, rollout.rollout_id, reason="urgent", revision=None)
        world.look()
        assert (world.now(rollout).status, world.production()) == (RolloutStatus.WAITING, FORMER)
        world.approve(world.now(rollout).request_id)
        world.look()
        assert (world.now(rollout).status, world.production()) == (RolloutStatus.WARM, CANDIDATE)


class TestASplitByHand:
    """Holds until somebody changes it."""

    HALVES = Split(shares=grown(FORMER, CANDIDATE, 50), sticky=SHORT.sticky)

    def divide(self, world: RolloutWorld) -> Traffic:
        return world.parts.traffic.set(world.principal, MODEL, self.HALVES, revision=None, reason="")

    def test_a_promotion_and_a_plan_leave_it_and_the_log_says_that_nothing_was_rolled_out(
        self, world: RolloutWorld
    ) -> None:
        world.rollouts.set_plan(world.principal, MODEL, SHORT, revision=None)
        before = self.divide(world)
        world.promote(world.candidate)
        assert world.parts.traffic.get(world.principal, MODEL) == before
        assert world.rollouts.page(world.principal, model_name=MODEL, status=None, limit=9, cursor=None).items == []
        assert world.actions(f"models/{MODEL}/versions/{CANDIDATE}")[-1] == "rollout.not_started"
        assert before.salt == self.divide(world).salt

    def test_nothing_is_rolled_out_until_it_is_removed(self, world: RolloutWorld) -> None:
        self.divide(world)
        with pytest.raises(Conflict, match="divided by hand") as refused:
            world.start()
        assert refused.value.code == "traffic_set"
        world.parts.traffic.remove(world.principal, MODEL, revision=None, reason="")
        assert world.start().status is RolloutStatus.PENDING

    @pytest.mark.parametrize("split", [HALVES, Split(shares=only(CANDIDATE).shares, shadow=Shadow(FORMER, 5))])
    def test_the_last_server_of_a_version_that_it_names_is_neither_replaced_nor_taken_away(
        self, world: RolloutWorld, split: Split
    ) -> None:
        deployments, verbs = world.control_plane.deployments, world.control_plane.deployment_parts.verbs
        (one,) = deployments.page(world.principal).items
        world.parts.traffic.set(world.principal, MODEL, split, revision=None, reason="")
        for take_away in (
            lambda: verbs.change(world.principal, one.deployment_id, replicas=None, version=CANDIDATE),
            lambda: deployments.replace(world.principal, one.deployment_id, CANDIDATE, job_id="job-9"),
            lambda: verbs.undeploy(world.principal, one.deployment_id, forces=False),
        ):
            with pytest.raises(Conflict, match=r"version 1 gets .* of the requests") as refused:
                take_away()
            assert refused.value.code == "deployment_divided"
        verbs.change(world.principal, one.deployment_id, replicas=2, version=None)
        assert world.split() == split
        world.deploy(world.former, job_id="another")
        verbs.change(world.principal, one.deployment_id, replicas=None, version=CANDIDATE)

    def test_it_is_taken_away_by_force(self, world: RolloutWorld) -> None:
        self.divide(world)
        (one,) = world.control_plane.deployments.page(world.principal).items
        world.control_plane.deployment_parts.verbs.undeploy(world.principal, one.deployment_id, forces=True)
        world.settle()
        assert world.serving() == set()
        assert world.split() == self.HALVES


class TestABadCandidate:
    """Is taken back by itself."""

    def test_one_that_fails_gets_no_request_from_the_look_on_that_finds_it_worse(self, world: RolloutWorld) -> None:
        rollout = world.begun()
        world.meter.count(FORMER, 180)
        world.meter.count(CANDIDATE, 20, errors=8)
        world.look()
        back = world.now(rollout)
        assert (back.status, world.split()) == (RolloutStatus.ROLLING_BACK, only(FORMER))
        assert "errors: 8 of 20 requests failed, of production's 0 of 180" in str(back.reason)
        world.clock.sleep(6)
        world.look()
        world.settle()
        assert (world.now(rollout).status, world.split()) == (RolloutStatus.ROLLED_BACK, None)
        assert (world.serving(), world.production()) == ({FORMER}, FORMER)

    def test_one_whose_server_ends_is_taken_back_without_a_request(self, world: RolloutWorld) -> None:
        rollout = world.begun()
        deployment = world.control_plane.deployments.of_job(str(rollout.job_id))
        assert deployment is not None
        target = world.control_plane.deployment_parts.targets.find(deployment.target)
        assert isinstance(target, FakeTarget)
        target.fail(deployment.deployment_id, "killed by signal 9")
        world.settle()
        world.look()
        assert world.now(rollout).status is RolloutStatus.ROLLING_BACK
        assert "killed by signal 9" in str(world.now(rollout).reason)

    def test_one_whose_request_for_production_is_rejected_is_taken_back(self, world: RolloutWorld) -> None:
        rollout = world.begun(replace(SHORT, steps=(Step(StepKind.WEIGHT, percent=10), Step(StepKind.FULL))))
        world.look(2)
        request_id = str(world.now(rollout).request_id)
        world.control_plane.promotion.reject(world.principal, MODEL, request_id, comment="no", revision=None)
        world.look()
        assert world.now(rollout).status is RolloutStatus.ROLLING_BACK

    def test_one_is_taken_back_although_the_former_version_was_promoted_away(self, world: RolloutWorld) -> None:
        rollout = world.begun(replace(SHORT, steps=(Step(StepKind.WEIGHT, percent=10), Step(StepKind.FULL))))
        world.look(2)
        world.approve(world.now(rollout).request_id)
        world.look()
        assert world.production() == CANDIDATE
        world.rollouts.abort(world.principal, rollout.rollout_id, reason="callers complain", revision=None)
        assert world.split() == only(FORMER)
        world.look()
        assert world.production() == FORMER
        world.clock.sleep(6)
        world.look()
        assert world.now(rollout).status is RolloutStatus.ROLLED_BACK
        assert world.now(rollout).reason == "aborted by alice: callers complain"


class TestAPromotion:
    """Of a model that has a plan."""

    def test_it_starts_a_roll_out_in_the_same_transaction(self, world: RolloutWorld) -> None:
        world.rollouts.set_plan(world.principal, MODEL, SHORT, revision=None)
        world.deploy(world.candidate)
        world.promote(world.candidate)
        page = world.rollouts.page(world.principal, model_name=MODEL, status=None, limit=1, cursor=None)
        (rollout,) = page.items
        assert (rollout.is_promoted, rollout.former, rollout.candidate) == (True, FORMER, CANDIDATE)
        assert (world.production(), world.split()) == (CANDIDATE, only(FORMER))
        world.look(3)
        _good(world)
        world.look(4)
        assert (world.now(rollout).status, world.split()) == (RolloutStatus.WARM, None)

    def test_a_bad_one_is_put_out_of_production_again(self, world: RolloutWorld) -> None:
        world.rollouts.set_plan(world.principal, MODEL, SHORT, revision=None)
        world.deploy(world.candidate)
        world.promote(world.candidate)
        (rollout,) = world.rollouts.page(world.principal, model_name=MODEL, status=None, limit=1, cursor=None).items
        world.look(3)
        world.meter.count(FORMER, 180)
        world.meter.count(CANDIDATE, 20, errors=20)
        world.look(2)
        assert (world.now(rollout).status, world.production()) == (RolloutStatus.ROLLING_BACK, FORMER)
        world.clock.sleep(6)
        world.look(2)
        assert world.now(rollout).status is RolloutStatus.ROLLED_BACK
        under_way = world.rollouts.page(
            world.principal, model_name=MODEL, status=RolloutStatus.PENDING, limit=5, cursor=None
        )
        assert under_way.items == []

    def test_without_a_plan_it_takes_all_requests_at_once(self, world: RolloutWorld) -> None:
        world.promote(world.candidate)
        assert world.split() is None


class TestVerbs:
    """What is refused, and what survives."""

    def test_a_model_has_one_roll_out_at_a_time(self, world: RolloutWorld) -> None:
        world.start()
        with pytest.raises(Conflict) as refused:
            world.start()
        assert refused.value.code == "rollout_under_way"

    def test_nobody_else_changes_the_traffic_meanwhile(self, world: RolloutWorld) -> None:
        world.start()
        with pytest.raises(Conflict) as refused:
            world.parts.traffic.set(world.principal, MODEL, only(CANDIDATE), revision=None, reason="")
        assert refused.value.code == "rollout_under_way"

    def test_there_is_nothing_to_compare_with_where_production_does_not_serve(self, world: RolloutWorld) -> None:
        deployment = world.control_plane.deployments.page(world.principal).items[0]
        world.control_plane.deployments.undeploy(world.principal, deployment.deployment_id)
        world.settle()
        with pytest.raises(Conflict) as refused:
            world.start()
        assert refused.value.code == "production_not_serving"

    def test_it_goes_on_in_another_process_where_one_was_killed_between_two_writes(self, world: RolloutWorld) -> None:
        rollout = world.begun()
        _good(world)
        world.parts = world.restarted()
        world.look(2)
        assert world.now(rollout).percent == 50

    def test_what_was_decided_before_somebody_aborted_is_not_written(self, world: RolloutWorld) -> None:
        rollout = world.begun()
        _good(world)
        stale = world.now(rollout)
        world.rollouts.abort(world.principal, rollout.rollout_id, reason="", revision=None)
        world.parts.reconciler.reconcile(stale)
        assert (world.now(rollout).status, world.split()) == (RolloutStatus.ROLLING_BACK, only(FORMER))

    def test_a_pause_of_the_plan_lasts_until_it_is_resumed(self, world: RolloutWorld) -> None:
        steps = (Step(StepKind.SHADOW, percent=20), Step(StepKind.PAUSE), Step(StepKind.FULL))
        rollout = world.begun(replace(SHORT, steps=steps, guardrails=Guardrails()))
        assert world.split() == Split(only(FORMER).shares, SHORT.sticky, Shadow(CANDIDATE, 20, 1e-3))
        world.look(2)
        assert world.now(rollout).status is RolloutStatus.PAUSED
        world.rollouts.resume(world.principal, rollout.rollout_id, reason="", revision=None)
        world.look()
        assert world.now(rollout).status is RolloutStatus.WAITING

    @pytest.mark.parametrize(
        ("steps", "field"),
        [
            ((), "steps"),
            ((Step(StepKind.WEIGHT, percent=10),), "steps"),
            ((Step(StepKind.FULL), Step(StepKind.FULL)), "steps"),
            ((Step(StepKind.ANALYSIS), Step(StepKind.FULL)), "steps.0.analysis"),
            (
                (Step(StepKind.WEIGHT, percent=10), Step(StepKind.WEIGHT, percent=5), Step(StepKind.FULL)),
                "steps.1.weight",
            ),
        ],
    )
    def test_a_plan_that_cannot_be_followed_is_refused(
        self, world: RolloutWorld, steps: tuple[Step, ...], field: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            world.start(Plan(steps=steps))
        assert (refused.value.code, refused.value.field) == ("rollout_plan_invalid", field)

    def test_another_tenant_sees_nothing(self, world: RolloutWorld, stranger: object) -> None:
        rollout = world.start()
        with pytest.raises(ModelyardError) as refused:
            world.rollouts.get(stranger, rollout.rollout_id)  # type: ignore[arg-type]  # A fixture's principal.
        assert refused.value.code == "rollout_not_found"
