"""The way back from a tombstone, and the end of the way back."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from deletion_world import ALICE, MALLORY, Crash, World

from modelyard.deletion.domain import DeleteMode, Subject, Tombstone
from modelyard.deletion.states import VersionState
from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.paging import encode_cursor
from modelyard.registry.domain import MAX_VERSION, Version

NOTHING, RUN, EXPERIMENT = DeleteMode
DAY = 24 * 3600


def restore(world: World, number: int = 1) -> Version:
    return world.control.deletion.restoring.restore(ALICE, Subject("default", "iris", number), reason="needed")


def tombstone(world: World) -> Tombstone:
    return world.control.deletion.restoring.tombstones(ALICE, "iris").items[-1]


def refused(world: World, number: int = 1) -> str:
    with pytest.raises(Conflict) as caught:
        restore(world, number)
    return caught.value.code


class TestRestore:
    @pytest.mark.parametrize("mode", DeleteMode)
    @pytest.mark.parametrize("whole", [False, True])
    def test_a_version_comes_back_as_it_was(self, world: World, mode: DeleteMode, *, whole: bool) -> None:
        before = world.register()
        world.mirror()
        world.delete(None if whole else 1, mode)

        after = restore(world)
        world.mirror()

        assert (after.manifest_digest, after.run_id, after.stage) == (
            before.manifest_digest,
            before.run_id,
            before.stage,
        )
        assert world.control.registry.model(ALICE, "iris").latest_version == 1
        assert world.shown() == {("iris", 1)}
        assert (world.tracking.deleted_runs, world.tracking.deleted_experiments) == (set(), set())
        assert world.control.deletion.restoring.tombstones(ALICE, "iris").items == []

    def test_what_is_left_is_listed_page_by_page_and_what_came_back_is_not(self, world: World) -> None:
        for _ in range(5):
            world.register()
        for number in (5, 1, 2, 4):
            world.delete(number, NOTHING)
        restore(world, 2)
        restoring = world.control.deletion.restoring

        first = restoring.tombstones(ALICE, "iris", limit=2)
        second = restoring.tombstones(ALICE, "iris", limit=2, cursor=first.next_cursor)

        assert [[one.version for one in page.items] for page in (first, second)] == [[1, 4], [5]]
        assert (first.next_cursor is None, second.next_cursor is None) == (False, True)

    @pytest.mark.parametrize("number", [MAX_VERSION + 1, 10**17])
    def test_a_cursor_behind_every_version_is_none_of_ours(self, world: World, number: int) -> None:
        with pytest.raises(Invalid) as caught:
            world.control.deletion.restoring.tombstones(ALICE, "iris", cursor=encode_cursor(str(number)))
        assert caught.value.code == "cursor_invalid"

    def test_it_can_be_deleted_and_restored_again(self, world: World) -> None:
        world.register()
        for _ in range(2):
            world.delete(1, EXPERIMENT)
            restore(world)
        assert world.register().version == 2

    def test_the_run_comes_back_with_any_version_that_was_made_of_it(self, world: World) -> None:
        first = world.register()
        world.register(world.log_model(run_id=first.run_id))
        world.delete(1, NOTHING)
        world.delete(2, RUN)
        assert world.tracking.deleted_runs == {first.run_id}

        restore(world, 1)

        assert world.tracking.deleted_runs == set()
        assert world.register(world.log_model(run_id=first.run_id)).version == 3

    def test_runs_of_other_tombstones_are_put_aside_again(self, world: World) -> None:
        world.register()
        second = world.register()
        world.delete(1, RUN)
        world.delete(2, EXPERIMENT)

        restore(world, 1)

        assert world.tracking.deleted_runs == {second.run_id}

    def test_what_was_never_deleted_or_is_anothers_is_not_found(self, world: World) -> None:
        world.register()
        world.register(name="theirs", owner=MALLORY)
        for number in (1, 7, 10**30):
            with pytest.raises(NotFound):
                restore(world, number)

    def test_a_deletion_that_is_under_way_is_waited_for(self, world: World) -> None:
        world.register()
        job = world.ask(1, RUN)
        world.dies_at = world.words + 8
        with pytest.raises(Crash):
            world.work(job)
        world.restart()
        with suppress(NotFound):
            assert refused(world) == "deletion_under_way"
        world.work(job)
        assert restore(world).version == 1

    def test_killed_at_every_word_it_is_finished_by_asking_again(self, make_world: Callable[[], World]) -> None:
        is_dead, dies_at = True, 0
        while is_dead:
            world = make_world()
            version = world.register()
            world.delete(1, EXPERIMENT)
            world.words, world.dies_at = 0, dies_at
            is_dead = False
            try:
                restore(world)
            except Crash:
                is_dead = True
                world.restart()
                with suppress(NotFound):
                    restore(world)
            assert world.control.registry.version(ALICE, "iris", 1).run_id == version.run_id
            assert (world.tracking.deleted_runs, world.tracking.deleted_experiments) == (set(), set())
            reported = [entry.action for entry in world.control.audit.entries("default", subject=version.subject)]
            assert reported.count("version.restored") == 1
            dies_at += 1
        assert dies_at > 5


class TestPurge:
    def purge(self, world: World, *, days: float = 31) -> int:
        world.clock.meanwhile = lambda: None
        world.clock.sleep(days * DAY)
        return world.control.deletion.purger.pass_over_due()

    def test_before_its_time_nothing_goes(self, world: World, tmp_path: Path) -> None:
        version = world.register()
        world.delete(1, EXPERIMENT)
        assert self.purge(world, days=29) == 0
        world.tracking.download(version.model_uri, tmp_path)

    def test_after_it_files_run_and_experiment_are_gone_for_good(self, world: World) -> None:
        version = world.register()
        world.delete(1, EXPERIMENT)

        assert self.purge(world) == 1

        with pytest.raises(NotFound):
            world.tracking.logged_model(version.model_uri)
        assert world.tracking.experiment_of(version.run_id or "") is None
        assert tombstone(world).state is VersionState.PURGED
        assert refused(world) == "purged"
        assert self.purge(world) == 0
        assert world.register().version == 2

    def test_versions_of_one_run_that_were_deleted_together_do_not_wait_for_each_other(self, world: World) -> None:
        version = world.register()
        world.register(world.log_model(run_id=version.run_id))
        world.register(world.log_model(run_id=version.run_id))
        world.delete(None, EXPERIMENT)

        self.purge(world)
        self.purge(world)

        states = [one.state for one in world.control.deletion.restoring.tombstones(ALICE, "iris").items]
        assert states == [VersionState.PURGED] * 3
        assert version.run_id not in world.tracking._runs

    def test_those_that_cannot_be_purged_hold_up_none_of_the_others(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard.deletion.purge._BATCH", 2)
        stuck = {world.register().model_uri for _ in range(3)}
        world.register()
        for number in range(1, 5):
            world.delete(number, RUN)
            world.clock.sleep(1)
        purge_model = world.tracking.purge_model

        def refuse(uri: str) -> None:
            if uri in stuck:
                raise Conflict("somebody else holds it", code="held")
            purge_model(uri)

        monkeypatch.setattr(world.tracking, "purge_model", refuse)
        assert self.purge(world) == 1
        states = [one.state for one in world.control.deletion.restoring.tombstones(ALICE, "iris").items]
        assert states == [*[VersionState.PURGING] * 3, VersionState.PURGED]

    def test_mode_nothing_leaves_the_tracker_alone_for_ever(self, world: World, tmp_path: Path) -> None:
        version = world.register()
        world.delete(1, NOTHING)
        assert self.purge(world) == 1
        world.tracking.download(version.model_uri, tmp_path)

    def test_files_that_another_version_is_made_of_stay(self, world: World, tmp_path: Path) -> None:
        logged = world.log_model()
        world.register(logged)
        world.register(logged, name="other")
        world.delete(1, RUN)
        assert self.purge(world) == 1
        world.tracking.download(logged.uri, tmp_path)

    def test_it_waits_for_another_tombstone_that_can_still_be_restored(self, world: World) -> None:
        first = world.register()
        world.register(world.log_model(run_id=first.run_id))
        world.delete(1, RUN)
        world.clock.sleep(20 * DAY)
        world.delete(2, RUN)

        assert self.purge(world, days=11) == 0
        restore(world, 2)
        assert world.tracking.deleted_runs == set()

    def test_what_was_restored_is_never_purged(self, world: World) -> None:
        world.register()
        world.delete(1, EXPERIMENT)
        restore(world)
        assert self.purge(world) == 0

    def test_nothing_is_registered_on_files_that_are_gone(self, world: World) -> None:
        logged = world.tracking.log_model(None, "model", {"MLmodel": b"{}"})
        world.register(logged)
        world.delete(1, RUN)
        self.purge(world)
        with pytest.raises(NotFound):
            world.tracking.logged_model(logged.uri)
        with pytest.raises(NotFound):
            world.register(logged)

    def test_killed_at_every_word_the_next_pass_finishes_it(self, make_world: Callable[[], World]) -> None:
        is_dead, dies_at = True, 0
        while is_dead:
            world = make_world()
            version = world.register()
            world.delete(1, EXPERIMENT)
            world.clock.sleep(31 * DAY)
            world.words, world.dies_at = 0, dies_at
            is_dead = False
            try:
                world.control.deletion.purger.pass_over_due()
            except Crash:
                is_dead = True
                world.restart()
                world.control.deletion.purger.pass_over_due()
            assert tombstone(world).state is VersionState.PURGED
            assert world.tracking.experiment_of(version.run_id or "") is None
            reported = [entry.action for entry in world.control.audit.entries("default", subject=version.subject)]
            assert reported.count("version.purged") == 1
            dies_at += 1
        assert dies_at > 5

    def test_bundles_of_deleted_versions_are_swept_and_no_others(self, world: World) -> None:
        for _ in range(2):
            version = world.register()
            world.control.packaging.build(version, log=lambda _: None)
        world.delete(1, NOTHING)
        late = world.home / "bundles" / "default" / "iris" / "1"
        late.mkdir()
        world.control.packaging.sweep(world.control.registry.is_deleted)
        assert [path.name for path in late.parent.iterdir()] == ["2"]
