"""A model with more versions than one transaction, or one answer, takes."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from deletion_world import ALICE, Crash, World

from modelyard.deletion.domain import DeleteMode, Kind, Plan, Subject
from modelyard.errors import Conflict, NotFound
from modelyard.jobs.domain import Job
from modelyard.jobs.states import JobStatus

RUN, EXPERIMENT = DeleteMode.DELETE_RUN_IF_NO_MORE, DeleteMode.DELETE_RUN_AND_EXPERIMENT_IF_NO_MORE


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two versions are a batch, and three are named."""
    monkeypatch.setattr("modelyard.deletion.service._BATCH", 2)
    monkeypatch.setattr("modelyard.deletion.planning.MOST_NAMED", 3)


def plan_of(world: World, mode: DeleteMode) -> Plan:
    return world.control.deletion.deletions.plan(ALICE, Subject("default", "iris", None), mode, undeploys=True)


class TestPlan:
    def test_the_first_are_named_and_all_are_counted(self, world: World) -> None:
        versions = [world.register() for _ in range(5)]
        for version in versions:
            world.control.packaging.build(version, log=lambda _: None)

        plan = plan_of(world, EXPERIMENT)

        assert {tally.kind: tally.count for tally in plan.tallies} == {
            **dict.fromkeys((Kind.IMAGE, Kind.VERSION, Kind.REGISTERED_VERSION, Kind.RUN, Kind.ARTIFACTS), 5),
            **dict.fromkeys((Kind.MODEL, Kind.EXPERIMENT), 1),
        }
        named = [piece.version for piece in plan.removes if piece.kind is Kind.VERSION]
        assert (named, len(plan.removes)) == ([1, 2, 3], 5 * 3 + 2)
        (artifacts,) = (tally for tally in plan.tallies if tally.kind is Kind.ARTIFACTS)
        assert artifacts.size == sum(version.size for version in versions)
        (experiment,) = (piece for piece in plan.removes if piece.kind is Kind.EXPERIMENT)
        assert experiment.detail.endswith("which is not asked for so many versions")

    def test_what_stays_is_counted_too(self, world: World) -> None:
        for _ in range(5):
            version = world.register()
            world.register(world.log_model(run_id=version.run_id), name="other")
        plan = plan_of(world, RUN)
        assert (len(plan.keeps), plan.keeps_count) == (3, 5)
        assert Kind.RUN not in {tally.kind for tally in plan.tallies}

    def test_what_stops_it_is_counted_and_the_sentence_stays_short(self, world: World) -> None:
        for number in range(1, 31):
            world.register()
            world.control.deletion.holds.put(ALICE, "iris", number, reason="law", until=None)
        plan = plan_of(world, RUN)
        assert (len(plan.blockers.first), plan.blockers.count) == (3, 30)
        with pytest.raises(Conflict, match=r"; and 27 more$"):
            world.ask(None, RUN)


class TestBatches:
    def prepare(self, world: World) -> None:
        """Five versions: the first and the last of one run, the others of their own."""
        first = world.register()
        for _ in range(3):
            world.register()
        world.register(world.log_model(run_id=first.run_id))
        world.mirror()

    def check(self, world: World) -> None:
        (job,) = world.control.jobs.page(ALICE).items
        assert (job.status, job.result["versions"], job.result["runs"]) == (JobStatus.SUCCEEDED, 5, 4)
        assert world.tracking._runs.keys() == world.tracking.deleted_runs
        assert world.shown() == set()
        with pytest.raises(NotFound):
            world.control.registry.model(ALICE, "iris")
        reported = [entry for entry in world.control.audit.entries("default") if entry.action.endswith(".deleted")]
        assert [entry.action for entry in reported] == [*["version.deleted"] * 5, "model.deleted"]
        assert reported[-1].before == {"versions": 5}

    def test_killed_at_every_third_word_all_batches_go_once(self, make_world: Callable[[], World]) -> None:
        dies_at, is_dead = 0, True
        while is_dead:
            world = make_world()
            self.prepare(world)
            world.words, world.dies_at, is_dead = 0, dies_at, False
            try:
                world.delete(None, EXPERIMENT)
            except Crash:
                is_dead = True
                world.restart()
                with suppress(NotFound):
                    world.ask(None, EXPERIMENT)
                while world.engine.run_next():
                    pass
            self.check(world)
            dies_at += 3
        assert dies_at > 30

    def test_a_hold_that_comes_when_some_are_deleted_is_refused_and_the_others_go(self, world: World) -> None:
        self.prepare(world)
        job = world.ask(None, RUN)
        assert world.control.deletion.deletions.delete_batch(job) == 3
        with pytest.raises(Conflict) as refused:
            world.control.deletion.holds.put(ALICE, "iris", 5, reason="too late", until=None)
        assert refused.value.code == "version_deleting"
        assert world.work(job).result["versions"] == 5

    def test_who_cancels_it_in_the_middle_keeps_the_others_with_what_they_are_made_of(self, world: World) -> None:
        self.prepare(world)
        job = world.ask(None, RUN)
        self.delete_some(world, job)
        assert world.work(job).status is JobStatus.CANCELLED
        left = world.control.registry.versions(ALICE, "iris")
        assert [version.version for version in left] == [5, 4, 3]
        assert not {version.run_id for version in left} & world.tracking.deleted_runs
        purger = world.control.deletion.purger
        world.clock.sleep(40 * 24 * 3600)
        purger.pass_over_due()
        assert {version.run_id for version in left} <= world.tracking._runs.keys()

    def delete_some(self, world: World, job: Job) -> None:
        """Two of them, and then somebody cancels the job."""
        world.control.deletion.deletions.delete_batch(job)
        world.control.jobs.begin(job.job_id)
        world.control.jobs.cancel(ALICE, job.job_id)
