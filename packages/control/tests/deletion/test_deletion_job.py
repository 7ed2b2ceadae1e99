"""A deletion from its request to the tombstone: what goes, in which mode, and what stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from deletion_world import ALICE, World

from modelyard.deletion.domain import DeleteMode
from modelyard.errors import Conflict, NotFound
from modelyard.jobs.states import JobStatus

NOTHING, RUN, EXPERIMENT = DeleteMode


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
        assert (len(world.active_runs()), len(world.tracking.deleted_experiments)) == (runs, experiments)
        assert world.target.deployment_ids() == []
        assert world.register().version == 2

    def test_a_hold_that_comes_in_time_stops_it_and_the_version_is_whole_again(self, world: World) -> None:
        version = world.register()
        job = world.ask(1, EXPERIMENT)
        world.control.deletion.holds.put(ALICE, "iris", 1, reason="wait", until=None)
        assert world.work(job).status is JobStatus.FAILED
        assert world.control.registry.version(ALICE, "iris", 1).deletion_job_id is None
        assert world.active_runs() == {version.run_id}

    def test_of_registering_on_a_run_and_deleting_its_version_at_once_one_is_reported_of_the_other(
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
            assert (version.run_id in world.active_runs()) is not refused


class TestModes:
    def test_nothing_removes_nothing_from_the_tracker(self, world: World) -> None:
        version = world.register()
        world.mirror()

        job = world.delete(1, NOTHING)

        assert job.status is JobStatus.SUCCEEDED
        assert world.active_runs() == {version.run_id}
        assert ("iris", 1) in world.shown()
        assert world.tracking.logged_model(version.model_uri).uri == version.model_uri
        with pytest.raises(NotFound):
            world.control.registry.version(ALICE, "iris", 1)

    def test_a_run_that_no_other_version_uses_goes(self, world: World) -> None:
        version, other = world.register(), world.register()
        world.mirror()

        world.delete(1, RUN)

        assert world.active_runs() == {other.run_id}
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
        assert str(version.run_id) in world.active_runs()
        assert world.tracking.deleted_experiments == set()

    def test_the_last_version_of_a_shared_run_takes_it_along(self, world: World) -> None:
        version = world.register()
        world.register(world.log_model(run_id=version.run_id))

        world.delete(1, RUN)
        assert world.active_runs() == {version.run_id}
        world.delete(2, RUN)
        assert world.active_runs() == set()

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
        assert world.active_runs() == {other}

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
        assert world.active_runs() == {kept.run_id}
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

        reported = world.control.audit.entries("default", subject=version.subject)
        assert [entry.action for entry in reported] == [
            "version.registered",
            "version.deletion_requested",
            "version.deleted",
        ]
        assert {entry.reason for entry in reported[1:]} == {"no longer needed"}
