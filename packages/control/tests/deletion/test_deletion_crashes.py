"""A deletion whose process dies, at any word that it says to the world, ends right."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from deletion_world import ALICE, Crash, World

from modelyard.deletion.domain import DeleteMode
from modelyard.deletion.states import VersionState
from modelyard.errors import NotFound
from modelyard.jobs.states import JobStatus
from modelyard.registry.domain import Version

NOTHING, RUN, EXPERIMENT = DeleteMode


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
        assert world.active_runs() == {kept.run_id}
        assert len(world.tracking.deleted_experiments) == 1
        assert world.shown() == {("kept", 1)}
        (job,) = control.jobs.page(ALICE).items
        assert job.status is JobStatus.SUCCEEDED
        (tombstone,) = control.deletion.restoring.tombstones(ALICE, "iris").items
        assert (tombstone.state, tombstone.claimed_experiment) == (VersionState.DELETED, None)
        deleted = [entry for entry in control.audit.entries("default") if entry.action == "version.deleted"]
        assert len(deleted) == 1
        assert control.registry.version(ALICE, "kept").deletion_job_id is None
