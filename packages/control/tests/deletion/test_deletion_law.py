"""The law of deletions, held against random histories with crashes between any two words."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deletion_world import ALICE, Crash, World
from empty_postgres import empty
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from modelyard.db import Database
from modelyard.deletion.domain import DeleteMode, Subject
from modelyard.errors import Conflict, NotFound

NAMES = st.sampled_from(["iris", "wine"])
DAY = 24 * 3600


class DeletionLaw(RuleBasedStateMachine):
    """A number is used once; what a version is made of is there as long as the version is, or can come back."""

    begin: Callable[[Path], World]
    """Begins a world in this home, over an empty database."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = type(self).begin(self.folder / "home")
        self.numbers: dict[str, int] = {"iris": 0, "wine": 0}
        self.runs = [self.world.tracking.log_run("e")]
        for name in self.numbers:
            self.world.register(self.world.log_model(run_id=self.runs[0]), name=name)
            self.numbers[name] = 1

    @rule(name=NAMES, data=st.data(), shares=st.sampled_from([True, True, False]))
    def register(self, name: str, data: st.DataObject, *, shares: bool) -> None:
        run_id = data.draw(st.sampled_from(self.runs)) if shares and self.runs else self.world.tracking.log_run("e")
        self.runs.append(run_id)
        try:
            version = self.world.register(self.world.log_model(run_id=run_id), name=name)
        except (Conflict, NotFound):
            return
        self.numbers[name] += 1
        assert version.version == self.numbers[name]

    @rule(name=NAMES, back=st.integers(0, 2), mode=st.sampled_from(DeleteMode), is_done=st.booleans())
    def delete(self, name: str, back: int, mode: DeleteMode, *, is_done: bool) -> None:
        """One of the newest versions, at once or when somebody works."""
        with suppress(Conflict, NotFound):
            self.world.ask(self.numbers[name] - back, mode, name=name)
        if is_done:
            self.work()

    @rule(name=NAMES, mode=st.sampled_from(DeleteMode))
    def delete_model(self, name: str, mode: DeleteMode) -> None:
        with suppress(Conflict, NotFound):
            self.world.ask(None, mode, name=name)

    @rule()
    def work(self) -> None:
        while self.world.engine.run_next():
            pass

    @rule(name=NAMES, number=st.integers(1, 4), words=st.one_of(st.none(), st.integers(0, 12)))
    def restore(self, name: str, number: int, words: int | None) -> None:
        subject = Subject("default", name, number)
        self.dying_after(words, lambda: self.world.control.deletion.restoring.restore(ALICE, subject, reason=""))

    @rule(days=st.sampled_from([10, 31]), words=st.one_of(st.none(), st.integers(0, 12)))
    def purge(self, days: int, words: int | None) -> None:
        self.world.clock.sleep(days * DAY)
        self.dying_after(words, self.world.control.deletion.purger.pass_over_due)

    @rule(words=st.integers(0, 40))
    def crash(self, words: int) -> None:
        """The process dies some words further on, whatever it does then; the next one goes on."""
        self.dying_after(words, self.work)

    @invariant()
    def what_living_versions_are_made_of_is_there(self) -> None:
        tracking = self.world.tracking
        for name in self.numbers:
            with suppress(NotFound):
                for version in self.world.control.registry.versions(ALICE, name):
                    assert version.run_id in tracking._runs.keys() - tracking.deleted_runs
                    assert tracking.logged_model(version.model_uri).run_id == version.run_id

    @invariant()
    def a_deletion_is_reported_once(self) -> None:
        balance: dict[str, int] = {}
        for entry in self.world.control.audit.entries("default"):
            step = {"version.deleted": 1, "version.restored": -1}.get(entry.action, 0)
            balance[entry.subject] = balance.get(entry.subject, 0) + step
            assert balance[entry.subject] in {0, 1}

    def dying_after(self, words: int | None, act: Callable[[], object]) -> None:
        self.world.dies_at = None if words is None else self.world.words + words
        try:
            with suppress(Conflict, NotFound):
                act()
        except Crash:
            self.world.restart()
        self.world.dies_at = None

    def teardown(self) -> None:
        self.work()
        self.what_living_versions_are_made_of_is_there()
        self.world.close()
        shutil.rmtree(self.folder)


def hold(begin: Callable[[Path], World], *, examples: int) -> None:
    """Hold the law against so many histories, each in a world of its own."""
    quick = settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    DeletionLaw.begin = staticmethod(begin)
    run_state_machine_as_test(DeletionLaw, settings=quick)


class TestDeletions:
    def test_no_number_comes_twice_and_no_run_goes_from_under_a_version(self, sqlite_template: Path) -> None:
        hold(lambda home: World(home, template=sqlite_template), examples=30)

    def test_so_it_is_on_postgresql(self, postgres_url: str, postgres_database: Database) -> None:
        def begin(home: Path) -> World:
            empty(postgres_database)
            return World(home, database_url=postgres_url)

        hold(begin, examples=6)
