"""The law of the mirror: whatever happens, after a reconciliation it equals our tables, and all is imported once.

Versions are registered, edited and moved; people register, copy, tag and delete in the tracker directly; messages come
late, twice, in any order or never; and calls to the tracker are cut off before or after they had their effect.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from registries import registry_service
from rules import follow_nothing
from sqlalchemy import select

from modelyard.access.failures import FailedLogins
from modelyard.access.service import AccessService
from modelyard.access.tenants import Tenants
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking import FakeRegisteredModels, FakeTracking
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.mirror.parts import MirrorParts, mirror_parts
from modelyard.mirror.places import Place
from modelyard.outbox.service import Outbox
from modelyard.outbox.tables import outbox as messages
from modelyard.principals import Principal, Role
from modelyard.registry.editing import Editing
from modelyard.registry.stages import StageMover
from modelyard.registry.states import TRANSITIONS, Stage

ADMIN = Principal(tenant_id="default", subject="ada", role=Role.ADMIN)
IRIS = Place("default", "iris", "iris")
FILES = {"MLmodel": b"flavors: {}\n"}
CHANGES = ("make_model", "make_version", "tag_version", "tag_model", "set_alias", "drop_version", "describe_version")


class Crash(BaseException):
    """What `kill -9` looks like from inside."""


class Flaky:
    """The tracker's registry; the next call that changes something may be cut off."""

    def __init__(self, registered: FakeRegisteredModels) -> None:
        self._registered = registered
        self.calls_until_crash: int | None = None
        self.is_after = False

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._registered, name)
        return self._cut(verb) if name in CHANGES else verb

    def _cut(self, verb: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            is_now = self.calls_until_crash == 0
            if self.calls_until_crash is not None:
                self.calls_until_crash -= 1
            if is_now and not self.is_after:
                raise Crash
            result = verb(*arguments, **options)
            if is_now:
                raise Crash
            return result

        return call


class World:
    """Our registry and the tracker, and all that is between them."""

    def __init__(self, folder: Path, template: Path) -> None:
        path = folder / "modelyard.db"
        path.write_bytes(template.read_bytes())
        self.database = Database(f"sqlite:///{path}")
        clock = ManualClock()
        self.tracking = FakeTracking()
        self.registered = FakeRegisteredModels(self.tracking)
        self.flaky = Flaky(self.registered)
        audit = AuditLog(database=self.database, clock=clock)
        outbox = Outbox(clock=clock)
        tokens = Tokens(database=self.database, clock=clock, audit=audit)
        access = AccessService(
            database=self.database,
            clock=clock,
            tokens=tokens,
            is_open=False,
            failures=FailedLogins(clock=clock, most=9),
        )
        access.first_token()
        self.registry = registry_service(
            self.database, clock, folder, tracking=self.tracking, audit=audit, outbox=outbox
        )
        self.mover = StageMover(clock=clock, audit=audit, outbox=outbox)
        self.editing = Editing(
            database=self.database, clock=clock, audit=audit, outbox=outbox, after_edit=follow_nothing
        )
        self.mirror: MirrorParts = mirror_parts(
            database=self.database,
            clock=clock,
            registry=self.registry,
            registered=self.flaky,
            audit=audit,
            tenants=Tenants(database=self.database, clock=clock, audit=audit, tokens=tokens),
            all_seconds=600,
        )

    def messages(self) -> list[dict[str, Any]]:
        """All that were ever sent."""
        with self.database.read() as connection:
            return [dict(payload) for payload in connection.execute(select(messages.c.payload)).scalars()]


class MirrorLaw(RuleBasedStateMachine):
    """Draws histories."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.world = World(Path(self.folder.name), self.template)
        self.registered_by_people: list[str] = []
        self.registered_by_us = 0

    def teardown(self) -> None:
        self.world.database.close()
        self.folder.cleanup()

    def _log(self) -> tuple[str, str]:
        run_id = self.world.tracking.log_run("iris")
        return self.world.tracking.log_model(run_id, "model", FILES).uri, run_id

    def _ours(self) -> list[int]:
        with suppress(Exception):
            return [version.version for version in self.world.registry.versions(ADMIN, "iris")]
        return []

    @rule()
    def we_register(self) -> None:
        uri, _ = self._log()
        self.world.registry.register(ADMIN, model_name="iris", logged=self.world.tracking.logged_model(uri))
        self.registered_by_us += 1

    @precondition(lambda self: self._ours())
    @rule(draw=st.data())
    def we_move(self, draw: st.DataObject) -> None:
        number = draw.draw(st.sampled_from(self._ours()))
        stage = self.world.registry.version(ADMIN, "iris", number).stage
        to = draw.draw(st.sampled_from(sorted(TRANSITIONS[stage])))
        with self.world.database.write() as connection:
            version = self.world.registry.version_within(connection, ADMIN, "iris", number)
            self.world.mover.move(connection, ADMIN, version, Stage(to), reason="because")

    @precondition(lambda self: self._ours())
    @rule(draw=st.data(), value=st.sampled_from([None, "red", "blue"]))
    def we_edit(self, draw: st.DataObject, value: str | None) -> None:
        number = draw.draw(st.sampled_from(self._ours()))
        self.world.editing.edit_version(ADMIN, "iris", number, description=value, tags={"team": value}, revision=None)

    @rule()
    def people_register(self) -> None:
        uri, run_id = self._log()
        self.world.registered.register("iris", uri, run_id=run_id, tags={"seen": "yes"})
        self.registered_by_people.append(uri)

    @rule(draw=st.data(), key=st.sampled_from(["team", "modelyard.version", "modelyard.stage", "mine"]))
    def people_write_tags(self, draw: st.DataObject, key: str) -> None:
        shown = list(self.world.registered.versions("iris"))
        if shown:
            version = draw.draw(st.sampled_from(shown))
            value = draw.draw(st.sampled_from([None, "1", "2", "x"]))
            self.world.registered.tag_version("iris", version.number, key, value)

    @rule(draw=st.data(), alias=st.sampled_from(["production", "staging"]))
    def people_set_aliases(self, draw: st.DataObject, alias: str) -> None:
        shown = [version.number for version in self.world.registered.versions("iris")]
        if shown:
            self.world.registered.set_alias("iris", alias, draw.draw(st.sampled_from([None, *shown])))

    @rule(draw=st.data())
    def people_delete_one_of_ours(self, draw: st.DataObject) -> None:
        shown = [each for each in self.world.registered.versions("iris") if each.source not in self._unimported()]
        if shown:
            self.world.registered.drop_version("iris", draw.draw(st.sampled_from(shown)).number)

    @rule(seed=st.integers(0, 2**16), is_after=st.booleans(), calls=st.integers(0, 6))
    def a_crash_will_come(self, seed: int, calls: int, *, is_after: bool) -> None:
        self.world.flaky.calls_until_crash, self.world.flaky.is_after = calls, is_after

    @rule(seed=st.integers(0, 2**16), share=st.floats(0, 1))
    def messages_come(self, seed: int, share: float) -> None:
        chosen = random.Random(seed)
        sent = [message for message in self.world.messages() * 2 if chosen.random() < share]
        chosen.shuffle(sent)
        for message in sent[:12]:
            with suppress(Crash):
                self.world.mirror.service.deliver(message)

    @rule()
    def it_is_reconciled(self) -> None:
        with suppress(Crash):
            list(self.world.mirror.reconciliation.settle(IRIS))

    @rule()
    def it_is_reconciled_to_the_end(self) -> None:
        self.world.flaky.calls_until_crash = None
        for _ in range(2):  # What was imported in one walk is marked in the next.
            list(self.world.mirror.reconciliation.settle(IRIS))
        assert [outcome.drift for outcome in self._report()] == []
        self._is_equal()

    @invariant()
    def nothing_is_imported_twice_or_without_reason(self) -> None:
        assert len(self._ours()) <= self.registered_by_us + len(self.registered_by_people)

    def _report(self) -> Iterator[Any]:
        return iter(self.world.mirror.reconciliation.report(ADMIN, limit=50, cursor=None).outcomes)

    def _unimported(self) -> set[str]:
        ours = {version.model_uri for version in self.world.registry.versions(ADMIN, "iris")} if self._ours() else set()
        return set(self.registered_by_people) - ours

    def _is_equal(self) -> None:
        ours = (
            {version.version: version for version in self.world.registry.versions(ADMIN, "iris")}
            if self._ours()
            else {}
        )
        shown = list(self.world.registered.versions("iris"))
        assert len(ours) == self.registered_by_us + len(self.registered_by_people)
        assert {version.model_uri for version in ours.values()} >= set(self.registered_by_people)
        assert sorted(int(version.tags["modelyard.version"]) for version in shown) == sorted(ours)
        for version in shown:
            mine = ours[int(version.tags["modelyard.version"])]
            assert (version.source, version.description) == (mine.model_uri, mine.description)
            assert version.tags["modelyard.stage"] == mine.stage
            assert {key: text for key, text in version.tags.items() if not key.startswith("modelyard.")} == mine.tags
        model = self.world.registered.model("iris")
        if model is None:
            assert ours == {}
            return
        numbers = {version.number: int(version.tags["modelyard.version"]) for version in shown}
        staging = [number for number, version in ours.items() if version.stage is Stage.STAGING]
        production = [number for number, version in ours.items() if version.stage is Stage.PRODUCTION]
        expected = {"staging": max(staging, default=None), "production": max(production, default=None)}
        assert {alias: numbers[at] for alias, at in model.aliases.items()} == {
            alias: number for alias, number in expected.items() if number is not None
        }


class TestLaw:
    def test_the_mirror_equals_our_tables_after_any_history(self, sqlite_template: Path) -> None:
        class Drawn(MirrorLaw):
            template = sqlite_template

        drawn = settings(
            max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        )
        run_state_machine_as_test(Drawn, settings=drawn)
