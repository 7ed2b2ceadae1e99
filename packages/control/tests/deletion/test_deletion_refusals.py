"""What stops a deletion before it begins, and what does or begins nothing more while it is under way."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from deletion_world import ALICE, MALLORY, World

from modelyard.deletion.domain import DeleteMode, Subject
from modelyard.deployments.states import DesiredState
from modelyard.errors import Conflict, Forbidden, NotFound
from modelyard.jobs.states import JobStatus
from modelyard.principals import Permission, Principal, Role
from modelyard.registry.states import Stage

NOTHING, RUN, EXPERIMENT = DeleteMode


class TestBlockers:
    def refused(self, world: World, version: int | None = 1, **options: Any) -> str:
        with pytest.raises(Conflict) as refused:
            world.ask(version, RUN, **options)
        assert refused.value.code == "deletion_blocked"
        assert world.engine.run_next() is None
        return refused.value.message

    def test_what_is_in_production_stays(self, world: World) -> None:
        world.go_to(world.register(), Stage.STAGING, Stage.PRODUCTION)
        assert self.refused(world) == "version 1 of 'iris' cannot be deleted: version 1 is in production"

    def test_a_hold_stops_it_and_is_reported(self, world: World) -> None:
        world.register()
        world.control.deletion.holds.put(ALICE, "iris", 1, reason="audit of May", until=None)
        assert self.refused(world).endswith("a retention hold of alice lies on version 1: audit of May")

    def test_a_hold_that_is_over_or_lifted_stops_nothing(self, world: World) -> None:
        world.register()
        holds = world.control.deletion.holds
        soon = world.clock.now() + timedelta(hours=1)
        holds.put(ALICE, "iris", 1, reason="for an hour", until=soon)
        lifted = holds.put(ALICE, "iris", 1, reason="for ever", until=None)
        holds.lift(ALICE, "iris", lifted.hold_id, reason="done")
        world.clock.sleep(3601)
        assert world.delete(1, RUN).status is JobStatus.SUCCEEDED

    def test_an_open_request_for_promotion_stops_it(self, world: World) -> None:
        version = world.go_to(world.register(), Stage.STAGING)
        world.control.promotion.request(ALICE, version, comment="please")
        assert "alice's request for version 1 to go to production is open" in self.refused(world)

    def test_a_deployment_stops_it_when_nothing_shall_be_undeployed(self, world: World) -> None:
        world.deploy(world.register())
        assert "and shall not be undeployed" in self.refused(world, undeploys=False)

    def test_all_reasons_are_named_at_once_and_a_whole_model_is_stopped_by_one_version(self, world: World) -> None:
        world.go_to(world.register(), Stage.STAGING, Stage.PRODUCTION)
        world.register()
        world.control.deletion.holds.put(ALICE, "iris", 2, reason="law", until=None)
        message = self.refused(world, None)
        assert "version 1 is in production" in message
        assert "lies on version 2" in message
        assert len(world.control.registry.versions(ALICE, "iris")) == 2

    def test_who_may_not_undeploy_deletes_nothing_that_is_deployed(self, world: World) -> None:
        world.deploy(world.register())
        narrow = Principal("default", "ci", Role.ADMIN, frozenset({Permission.MODELS_WRITE}))
        deletions = world.control.deletion.deletions
        with pytest.raises(Forbidden):
            deletions.delete(narrow, Subject("default", "iris", 1), RUN, undeploys=True, reason="")
        assert world.control.registry.version(ALICE, "iris", 1).deletion_job_id is None

    def test_another_tenants_model_is_not_there(self, world: World) -> None:
        world.register(owner=MALLORY)
        for version in (None, 1):
            with pytest.raises(NotFound):
                world.ask(version, RUN)

    @pytest.mark.parametrize("version", [2, 2**31, 10**30])
    def test_a_version_that_is_not_there_is_not_found(self, world: World, version: int) -> None:
        world.register()
        with pytest.raises(NotFound):
            world.ask(version, RUN)


class TestWhileItIsUnderWay:
    def test_asked_again_it_is_the_same_job(self, world: World) -> None:
        world.register()
        assert world.ask(1, RUN).job_id == world.ask(1, RUN).job_id

    def test_asked_otherwise_it_is_refused_and_names_the_job(self, world: World) -> None:
        world.register()
        job = world.ask(1, RUN)
        for version, mode in ((1, NOTHING), (None, RUN)):
            with pytest.raises(Conflict, match=job.job_id):
                world.ask(version, mode)

    def test_nothing_new_begins_with_the_version(self, world: World) -> None:
        version = world.go_to(world.register(), Stage.STAGING)
        world.control.packaging.build(version, log=lambda _: None)
        world.ask(1, RUN)
        version = world.control.registry.version(ALICE, "iris", 1)

        beginnings: list[Callable[[], object]] = [
            lambda: world.go_to(version, Stage.NONE),
            lambda: world.control.promotion.request(ALICE, version, comment="please"),
            lambda: world.control.deployments.create(ALICE, version, replicas=1, namespace="x", job_id="job-x"),
        ]
        for begin in beginnings:
            with pytest.raises(Conflict) as refused:
                begin()
            assert refused.value.code == "version_deleting"

    def test_a_model_that_goes_takes_no_new_version(self, world: World) -> None:
        world.register()
        world.ask(None, RUN)
        with pytest.raises(Conflict) as refused:
            world.register()
        assert refused.value.code == "model_deleting"

    def test_a_hold_that_comes_in_time_stops_it_and_the_version_is_whole_again(self, world: World) -> None:
        version = world.register()
        job = world.ask(1, EXPERIMENT)
        world.control.deletion.holds.put(ALICE, "iris", 1, reason="wait", until=None)

        ended = world.work(job)

        assert ended.error is not None
        assert (ended.status, ended.error.code) == (JobStatus.FAILED, "deletion_blocked")
        assert world.control.registry.version(ALICE, "iris", 1).deletion_job_id is None
        assert world.active_runs() == {version.run_id}

    def test_a_version_that_is_registered_on_the_run_meanwhile_keeps_it(self, world: World) -> None:
        version = world.register()
        job = world.ask(1, EXPERIMENT)
        world.register(world.log_model(run_id=version.run_id), name="late")

        assert world.work(job).result["runs"] == 0
        assert world.active_runs() == {version.run_id}

    def test_once_the_tombstone_stands_nothing_is_registered_on_the_run(self, world: World) -> None:
        version = world.register()
        world.delete(1, RUN)
        with pytest.raises(Conflict) as refused:
            world.register(world.log_model(run_id=version.run_id), name="late")
        assert refused.value.code == "run_deleted"

    def test_a_job_that_is_cancelled_before_the_tombstone_deletes_nothing(self, world: World) -> None:
        version = world.register()
        deployment = world.deploy(version)
        job = world.ask(1, RUN)
        world.clock.meanwhile = lambda: (world.control.jobs.cancel(ALICE, job.job_id), None)[1]

        assert world.work(job).status is JobStatus.CANCELLED
        assert world.control.deployments.get(ALICE, deployment.deployment_id).desired_state is DesiredState.STOPPED
        assert world.control.registry.version(ALICE, "iris", 1).deletion_job_id is None
        assert world.active_runs() == {version.run_id}

    def test_a_tracker_that_is_away_is_waited_for(self, world: World) -> None:
        world.register()
        job = world.ask(1, EXPERIMENT)
        world.tracking.is_available = False
        world.clock.meanwhile = lambda: setattr(world.tracking, "is_available", True)

        assert world.work(job).status is JobStatus.SUCCEEDED
        assert world.active_runs() == set()
