"""A deletion from its request to the tombstone: what goes, in which mode, what stays, and what stops it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from deletion_world import ALICE, MALLORY, Crash, World

from modelyard.access.domain import Permission, Principal, Role
from modelyard.deletion.domain import DeleteMode, Kind, Subject
from modelyard.deletion.states import VersionState
from modelyard.errors import Conflict, Forbidden, NotFound
from modelyard.jobs.states import JobStatus
from modelyard.registry.domain import Version
from modelyard.registry.states import Stage

NOTHING, RUN, EXPERIMENT = DeleteMode


def active_runs(world: World) -> set[str]:
    return world.tracking._runs.keys() - world.tracking.deleted_runs


def go_to(world: World, version: Version, *stages: Stage) -> Version:
    for stage in stages:
        with world.control.database.write() as connection:
            mover = world.control.promotion._mover
            version = mover.move(connection, ALICE, version, stage, reason="a test")
    return version


class TestOnPostgresql:
    """What the other classes hold on SQLite, where the databases differ: locks, and what a statement sees."""

    @pytest.fixture
    def make_world(self, make_world_on_postgres: Callable[[], World]) -> Callable[[], World]:
        return make_world_on_postgres

    @pytest.mark.parametrize(("mode", "runs", "experiments"), [(NOTHING, 2, 0), (RUN, 1, 0), (EXPERIMENT, 1, 1)])
    def test_each_mode_takes_what_it_says(self, world: World, mode: DeleteMode, runs: int, experiments: int) -> None:
        version = world.register()
        world.deploy(version)
        world.register(world.log_model("other"), name="kept")
        world.mirror()

        job = world.delete(1, mode)

        assert (job.status, job.result["undeployed"], job.result["images"]) == (JobStatus.SUCCEEDED, 1, 1)
        assert (len(active_runs(world)), len(world.tracking.deleted_experiments)) == (runs, experiments)
        assert world.target.deployment_ids() == []
        assert world.register().version == 2

    def test_a_hold_that_comes_in_time_stops_it_and_the_version_is_whole_again(self, world: World) -> None:
        version = world.register()
        job = world.ask(1, EXPERIMENT)
        world.control.removal.holds.put(ALICE, "iris", 1, reason="wait", until=None)
        assert world.work(job).status is JobStatus.FAILED
        assert world.control.registry.version(ALICE, "iris", 1).deletion_job_id is None
        assert active_runs(world) == {version.run_id}

    def test_of_registering_on_a_run_and_deleting_its_version_at_once_one_is_told_of_the_other(
        self, world: World
    ) -> None:
        """However they meet, what a living version is made of is there."""
        for number in range(1, 9):
            version = world.register()
            logged = world.log_model(run_id=version.run_id)
            job = world.ask(number, RUN)
            with ThreadPoolExecutor(2) as pool:
                late = pool.submit(world.register, logged, name="late")
                removed = pool.submit(world.work, job).result().result["runs"]
                refused = isinstance(late.exception(), Conflict)
            assert removed == (1 if refused else 0)
            assert (version.run_id in active_runs(world)) is not refused


class TestModes:
    def test_nothing_removes_nothing_from_the_tracker(self, world: World) -> None:
        version = world.register()
        world.mirror()

        job = world.delete(1, NOTHING)

        assert job.status is JobStatus.SUCCEEDED
        assert active_runs(world) == {version.run_id}
        assert ("iris", 1) in world.shown()
        assert world.tracking.logged_model(version.model_uri).uri == version.model_uri
        with pytest.raises(NotFound):
            world.control.registry.version(ALICE, "iris", 1)

    def test_a_run_that_no_other_version_uses_goes(self, world: World) -> None:
        version, other = world.register(), world.register()
        world.mirror()

        world.delete(1, RUN)

        assert active_runs(world) == {other.run_id}
        assert world.tracking.deleted_runs == {version.run_id}
        assert world.shown() == {("iris", 2)}

    @pytest.mark.parametrize("is_anothers", [False, True])
    @pytest.mark.parametrize("mode", [RUN, EXPERIMENT])
    def test_a_run_that_a_version_of_any_tenant_uses_stays(
        self, world: World, mode: DeleteMode, *, is_anothers: bool
    ) -> None:
        version = world.register()
        if is_anothers:
            world.share_run(str(version.run_id), name="other")
        else:
            world.register(world.log_model(run_id=version.run_id), name="other")

        job = world.delete(1, mode)

        assert job.status is JobStatus.SUCCEEDED
        assert str(version.run_id) in active_runs(world)
        assert world.tracking.deleted_experiments == set()

    def test_the_last_version_of_a_shared_run_takes_it_along(self, world: World) -> None:
        version = world.register()
        world.register(world.log_model(run_id=version.run_id))

        world.delete(1, RUN)
        assert active_runs(world) == {version.run_id}
        world.delete(2, RUN)
        assert active_runs(world) == set()

    def test_an_experiment_goes_with_its_last_version(self, world: World) -> None:
        world.register()

        job = world.delete(1, EXPERIMENT)

        assert job.result["experiments"] == 1
        assert len(world.tracking.deleted_experiments) == 1

    def test_an_experiment_in_which_another_run_is_alive_stays(self, world: World) -> None:
        world.register()
        other = world.tracking.log_run("iris")

        job = world.delete(1, EXPERIMENT)

        assert job.result["experiments"] == 0
        assert world.tracking.deleted_experiments == set()
        assert active_runs(world) == {other}

    def test_the_name_of_an_experiment_that_went_is_free(self, world: World) -> None:
        first = world.register()
        world.delete(1, EXPERIMENT)

        second = world.register()

        assert world.tracking.experiment_of(second.run_id or "") != world.tracking.experiment_of(first.run_id or "")

    def test_a_version_without_a_run_takes_only_itself(self, world: World) -> None:
        world.register(world.tracking.log_model(None, "model", {"MLmodel": b"{}"}))

        assert world.delete(1, EXPERIMENT).status is JobStatus.SUCCEEDED

    def test_a_model_goes_with_all_its_versions(self, world: World) -> None:
        for _ in range(3):
            world.register()
        kept = world.register(name="other")
        world.mirror()

        job = world.delete(None, RUN)

        assert (job.result["versions"], job.result["runs"]) == (3, 3)
        assert active_runs(world) == {kept.run_id}
        assert world.shown() == {("other", 1)}
        with pytest.raises(NotFound):
            world.control.registry.model(ALICE, "iris")

    def test_a_model_without_versions_goes_too(self, world: World) -> None:
        world.control.registry.create(ALICE, "empty", description="", tags={})

        assert world.delete(None, EXPERIMENT, name="empty").status is JobStatus.SUCCEEDED
        with pytest.raises(NotFound):
            world.control.registry.model(ALICE, "empty")


class TestWhatHangsOnIt:
    def test_a_deployment_is_undeployed_and_the_bundle_removed(self, world: World) -> None:
        version = world.register()
        world.deploy(version)
        bundle = world.control.packaging.bundle(version).path

        job = world.delete(1, NOTHING)

        assert (job.result["undeployed"], job.result["images"]) == (1, 1)
        assert world.target.deployment_ids() == []
        assert not bundle.exists()

    def test_a_number_is_never_used_again_and_the_model_goes_on(self, world: World) -> None:
        world.register()
        world.register()
        world.delete(2, NOTHING)
        assert world.register().version == 3
        world.delete(None, RUN)
        assert world.register().version == 4
        assert world.control.registry.model(ALICE, "iris").latest_version == 4

    def test_the_log_of_the_model_goes_on_and_tells_of_the_deletion(self, world: World) -> None:
        version = world.register()
        world.delete(1, RUN, reason="no longer needed")

        told = world.control.audit.entries("default", subject=version.subject)
        assert [entry.action for entry in told] == [
            "version.registered",
            "version.deletion_requested",
            "version.deleted",
        ]
        assert {entry.reason for entry in told[1:]} == {"no longer needed"}


class TestBlockers:
    def refused(self, world: World, version: int | None = 1, **options: Any) -> str:
        with pytest.raises(Conflict) as refused:
            world.ask(version, RUN, **options)
        assert refused.value.code == "deletion_blocked"
        assert world.engine.run_next() is None
        return refused.value.message

    def test_what_is_in_production_stays(self, world: World) -> None:
        go_to(world, world.register(), Stage.STAGING, Stage.PRODUCTION)
        assert self.refused(world) == "version 1 of 'iris' cannot be deleted: version 1 is in production"

    def test_a_hold_stops_it_and_is_told(self, world: World) -> None:
        world.register()
        world.control.removal.holds.put(ALICE, "iris", 1, reason="audit of May", until=None)
        assert self.refused(world).endswith("a retention hold of alice lies on version 1: audit of May")

    def test_a_hold_that_is_over_or_lifted_stops_nothing(self, world: World) -> None:
        world.register()
        holds = world.control.removal.holds
        soon = world.clock.now() + timedelta(hours=1)
        holds.put(ALICE, "iris", 1, reason="for an hour", until=soon)
        lifted = holds.put(ALICE, "iris", 1, reason="for ever", until=None)
        holds.lift(ALICE, "iris", lifted.hold_id, reason="done")
        world.clock.sleep(3601)
        assert world.delete(1, RUN).status is JobStatus.SUCCEEDED

    def test_an_open_request_for_promotion_stops_it(self, world: World) -> None:
        version = go_to(world, world.register(), Stage.STAGING)
        world.control.promotion.request(ALICE, version, comment="please")
        assert "alice's request for version 1 to go to production is open" in self.refused(world)

    def test_a_deployment_stops_it_when_nothing_shall_be_undeployed(self, world: World) -> None:
        world.deploy(world.register())
        assert "and shall not be undeployed" in self.refused(world, undeploys=False)

    def test_all_reasons_are_named_at_once_and_a_whole_model_is_stopped_by_one_version(self, world: World) -> None:
        go_to(world, world.register(), Stage.STAGING, Stage.PRODUCTION)
        world.register()
        world.control.removal.holds.put(ALICE, "iris", 2, reason="law", until=None)
        message = self.refused(world, None)
        assert "version 1 is in production" in message
        assert "lies on version 2" in message
        assert len(world.control.registry.versions(ALICE, "iris")) == 2

    def test_who_may_not_undeploy_deletes_nothing_that_is_deployed(self, world: World) -> None:
        world.deploy(world.register())
        narrow = Principal("default", "ci", Role.ADMIN, frozenset({Permission.MODELS_WRITE}))
        deletions = world.control.removal.deletions
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
        version = go_to(world, world.register(), Stage.STAGING)
        world.control.packaging.build(version, log=lambda _: None)
        world.ask(1, RUN)
        version = world.control.registry.version(ALICE, "iris", 1)

        beginnings: list[Callable[[], object]] = [
            lambda: go_to(world, version, Stage.NONE),
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
        world.control.removal.holds.put(ALICE, "iris", 1, reason="wait", until=None)

        ended = world.work(job)

        assert ended.error is not None
        assert (ended.status, ended.error.code) == (JobStatus.FAILED, "deletion_blocked")
        assert world.control.registry.version(ALICE, "iris", 1).deletion_job_id is None
        assert active_runs(world) == {version.run_id}

    def test_a_version_that_is_registered_on_the_run_meanwhile_keeps_it(self, world: World) -> None:
        version = world.register()
        job = world.ask(1, EXPERIMENT)
        world.register(world.log_model(run_id=version.run_id), name="late")

        assert world.work(job).result["runs"] == 0
        assert active_runs(world) == {version.run_id}

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
        assert not world.control.deployments.get(ALICE, deployment.deployment_id).is_wanted
        assert world.control.registry.version(ALICE, "iris", 1).deletion_job_id is None
        assert active_runs(world) == {version.run_id}

    def test_a_tracker_that_is_away_is_waited_for(self, world: World) -> None:
        world.register()
        job = world.ask(1, EXPERIMENT)
        world.tracking.is_available = False
        world.clock.meanwhile = lambda: setattr(world.tracking, "is_available", True)

        assert world.work(job).status is JobStatus.SUCCEEDED
        assert active_runs(world) == set()


class TestPlan:
    def test_it_names_all_that_goes_in_its_order_and_changes_nothing(self, world: World) -> None:
        version = world.register()
        deployment = world.deploy(version)
        words = world.words

        plan = world.control.removal.deletions.plan(ALICE, Subject("default", "iris", 1), EXPERIMENT, undeploys=True)

        assert [(piece.kind, piece.name) for piece in plan.removes] == [
            (Kind.DEPLOYMENT, deployment.deployment_id),
            (Kind.IMAGE, world.control.packaging.bundle(version).reference),
            (Kind.VERSION, "iris"),
            (Kind.REGISTERED_VERSION, "iris"),
            (Kind.RUN, version.run_id),
            (Kind.EXPERIMENT, "iris"),
            (Kind.ARTIFACTS, version.model_uri),
        ]
        sizes = {piece.kind: piece.size for piece in plan.removes if piece.size is not None}
        assert sizes[Kind.ARTIFACTS] == version.size
        assert sizes[Kind.IMAGE] > version.size
        assert plan.purge_after == world.clock.now() + timedelta(days=30)
        assert (plan.blockers.count, list(plan.keeps), world.words) == (0, [], words)

    def test_mode_nothing_names_nothing_of_the_tracker(self, world: World) -> None:
        world.register()
        plan = world.control.removal.deletions.plan(ALICE, Subject("default", "iris", 1), NOTHING, undeploys=True)
        assert [piece.kind for piece in plan.removes] == [Kind.VERSION]

    def test_it_says_what_stays_and_why_without_another_tenants_names(self, world: World) -> None:
        first, second = world.register(), world.register()
        world.share_run(str(first.run_id), name="theirs")
        world.register(world.log_model(run_id=second.run_id), name="ours")

        plan = world.control.removal.deletions.plan(ALICE, Subject("default", "iris", None), RUN, undeploys=True)

        assert [(one.name, one.reason) for one in plan.keeps] == [
            (first.run_id, "a version of another tenant uses it"),
            (second.run_id, "version 1 of 'ours' uses it"),
        ]

    def test_an_experiment_with_another_live_run_stays(self, world: World) -> None:
        world.register()
        other = world.tracking.log_run("iris")
        plan = world.control.removal.deletions.plan(ALICE, Subject("default", "iris", 1), EXPERIMENT, undeploys=True)
        assert [one.reason for one in plan.keeps] == [f"run '{other}' is in it"]

    def test_without_the_tracker_it_says_what_it_cannot_know(self, world: World) -> None:
        world.register()
        world.tracking.is_available = False
        plan = world.control.removal.deletions.plan(ALICE, Subject("default", "iris", 1), EXPERIMENT, undeploys=True)
        assert "which the tracker cannot say now" in [piece.detail for piece in plan.removes][-2]


class TestCrashes:
    @pytest.mark.parametrize("version", [1, None])
    def test_killed_at_every_word_it_ends_right(self, make_world: Callable[[], World], version: int | None) -> None:
        """Every transaction, before and after; every word to the tracker, before it is heard and after it."""
        self.kill(make_world, version)

    def test_so_it_does_on_postgresql(self, make_world_on_postgres: Callable[[], World]) -> None:
        """At every third word, so before some and after others."""
        self.kill(make_world_on_postgres, None, every=3)

    def kill(self, make_world: Callable[[], World], version: int | None, *, every: int = 1) -> None:
        dies_at, is_dead = 0, True
        while is_dead:
            world = make_world()
            kept = self.prepare(world)
            world.words, world.dies_at = 0, dies_at
            is_dead = self.dies(world, version)
            self.check(world, kept)
            dies_at += every
        assert dies_at > 20

    def prepare(self, world: World) -> Version:
        version = world.register()
        kept = world.register(world.log_model("other"), name="kept")
        world.mirror()
        world.deploy(version)
        return kept

    def dies(self, world: World, version: int | None) -> bool:
        """Ask and work until the process dies; then the next one goes on, and whoever has no answer asks again."""
        try:
            world.delete(version, EXPERIMENT)
        except Crash:
            world.restart()
            with suppress(NotFound):
                world.ask(version, EXPERIMENT)
            while world.engine.run_next():
                pass
            return True
        return False

    def check(self, world: World, kept: Version) -> None:
        control = world.control
        assert world.target.deployment_ids() == []
        assert not list((world.home / "bundles" / "default").glob("iris/*/*"))
        assert active_runs(world) == {kept.run_id}
        assert len(world.tracking.deleted_experiments) == 1
        assert world.shown() == {("kept", 1)}
        (job,) = control.jobs.page(ALICE).items
        assert job.status is JobStatus.SUCCEEDED
        (tombstone,) = control.removal.restoring.tombstones(ALICE, "iris").items
        assert (tombstone.state, tombstone.claimed_experiment) == (VersionState.DELETED, None)
        deleted = [entry for entry in control.audit.entries("default") if entry.action == "version.deleted"]
        assert len(deleted) == 1
        assert control.registry.version(ALICE, "kept").deletion_job_id is None
