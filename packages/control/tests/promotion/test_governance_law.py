"""Laws 1 to 4 of the design, held against random histories of several people, with crashes between any two steps."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from registries import registry_service
from sqlalchemy import Connection, select

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking import FakeTracking
from modelyard.audit.domain import Entry, prove
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import ModelyardError
from modelyard.outbox.service import Outbox
from modelyard.principals import Principal, Role
from modelyard.promotion.automation import AutoStaging
from modelyard.promotion.parts import promotion_parts
from modelyard.promotion.policy import MetricRequirement, Policy
from modelyard.promotion.states import RequestStatus
from modelyard.registry.domain import Manifest, Version
from modelyard.registry.editing import Editing
from modelyard.registry.stages import StageMover
from modelyard.registry.states import TRANSITIONS, Stage
from modelyard.schema import metadata

MODEL = "churn"
PEOPLE = [Principal(tenant_id="acme", subject=name, role=Role.APPROVER) for name in ("anna", "bert", "carl")]
MOVES = {f"version.{stage}": stage for stage in Stage}
WORDS = ["audit.record", "outbox.put", "mover._write", "mover.announce", "mover.lock", "auto_staging.apply"]


class Crash(BaseException):
    """What `kill -9` looks like from inside."""


Verb = Callable[[Principal], Any]
Death = tuple[str, int, bool]
people = st.sampled_from(PEOPLE)
deaths = st.none() | st.none() | st.tuples(st.sampled_from(WORDS), st.integers(1, 3), st.booleans())


class GovernanceLaw(RuleBasedStateMachine):
    """Whoever does what, and wherever it breaks off: versions stay, numbers are used once, and the log tells all."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "modelyard.db")
        self.clock, self.tracking = ManualClock(), FakeTracking()
        self.registered: dict[int, tuple[Version, Manifest]] = {}
        self.start()

    def start(self) -> None:
        """A process begins, the first or the next one after a crash."""
        self.database = Database(f"sqlite:///{self.folder}/modelyard.db")
        self.audit = AuditLog(database=self.database, clock=self.clock)
        self.outbox = Outbox(clock=self.clock)
        self.mover = StageMover(clock=self.clock, audit=self.audit, outbox=self.outbox)
        self.auto_staging = AutoStaging(mover=self.mover, audit=self.audit)

        def stage(connection: Connection, version: Version) -> Version:
            return self.auto_staging.apply(connection, version)  # Looked up late, since it may die.

        self.registry = registry_service(
            self.database,
            self.clock,
            self.folder,
            tracking=self.tracking,
            audit=self.audit,
            outbox=self.outbox,
            after_registration=stage,
        )

        parts = promotion_parts(
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            registry=self.registry,
            mover=self.mover,
            auto_staging=self.auto_staging,
        )
        self.promotion, self.policies = parts.service, parts.policies
        self.editing = Editing(
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            outbox=self.outbox,
            after_edit=parts.after_edit,
        )

    @initialize(who=people)
    def begin(self, who: Principal) -> None:
        self.register(who, 0.9, None)

    @rule(who=people, auc=st.sampled_from([0.7, 0.8, 0.9]), death=deaths)
    def register(self, who: Principal, auc: float, death: Death | None) -> None:
        run = self.tracking.log_run("churn", metrics={"auc": auc})
        logged = self.tracking.log_model(run, "model", {"MLmodel": run.encode()})
        version = self.act(lambda by: self.registry.register(by, model_name=MODEL, logged=logged), who, death)
        if version is not None:
            assert version.version == len(self.registered) + 1
            self.registered[version.version] = (version, self.registry.manifest(version))

    @rule(who=people, to=st.sampled_from([*Stage, Stage.STAGING, Stage.PRODUCTION]), data=st.data(), death=deaths)
    def move(self, who: Principal, to: Stage, data: st.DataObject, death: Death | None) -> None:
        version = self.some_version(data)
        if to is Stage.PRODUCTION:
            self.act(lambda by: self.promotion.request(by, version, comment="please"), who, death)
        else:
            self.act(
                lambda by: self.promotion.change_stage(by, version, to, comment="moved", revision=None), who, death
            )

    @rule(who=people, by=people, data=st.data(), death=deaths)
    def promote(self, who: Principal, by: Principal, data: st.DataObject, death: Death | None) -> None:
        """The whole way, as far as it goes; where somebody dies they do so at the last step."""
        version = self.some_version(data)
        self.act(
            lambda me: self.promotion.change_stage(me, version, Stage.STAGING, comment="", revision=None), who, None
        )
        staged = self.registry.version(who, MODEL, version.version)
        request = self.act(lambda me: self.promotion.request(me, staged, comment="please"), who, None)
        if request is not None:
            self.act(
                lambda me: self.promotion.approve(me, MODEL, request.request_id, comment="", revision=None), by, death
            )

    @precondition(lambda self: self.open_requests())
    @rule(who=people, verb=st.sampled_from(["approve", "approve", "reject", "withdraw"]), data=st.data(), death=deaths)
    def decide(self, who: Principal, verb: str, data: st.DataObject, death: Death | None) -> None:
        request_id = data.draw(st.sampled_from(self.open_requests()))
        self.act(lambda by: getattr(self.promotion, verb)(by, MODEL, request_id, comment="", revision=None), who, death)

    @rule(who=people, death=deaths)
    def roll_back(self, who: Principal, death: Death | None) -> None:
        self.act(lambda by: self.promotion.rollback(by, MODEL, comment="it misbehaves"), who, death)

    @rule(who=people, is_passed=st.booleans(), data=st.data(), death=deaths)
    def check(self, who: Principal, is_passed: bool, data: st.DataObject, death: Death | None) -> None:  # noqa: FBT001 - Hypothesis gives it by name.
        version = self.some_version(data)
        self.act(
            lambda by: self.policies.record_check(by, version, name="bias", is_passed=is_passed, details=""),
            who,
            death,
        )

    @rule(who=people, owner=st.sampled_from(["ops", "risk"]), data=st.data(), death=deaths)
    def tag(self, who: Principal, owner: str, data: st.DataObject, death: Death | None) -> None:
        number, tags = self.some_version(data).version, {"owner": owner}
        self.act(
            lambda by: self.editing.edit_version(by, MODEL, number, description=None, tags=tags, revision=None),
            who,
            death,
        )

    @rule(who=people, approvals=st.integers(1, 2), automatic=st.booleans(), checks=st.sampled_from([(), ("bias",)]))
    def set_policy(self, who: Principal, approvals: int, automatic: bool, checks: tuple[str, ...]) -> None:  # noqa: FBT001 - as above.
        requirement = MetricRequirement(metric="auc", threshold=0.8)
        policy = Policy(needed_approvals=approvals, metrics=(requirement,), checks=checks, auto_staging=automatic)
        self.act(lambda by: self.policies.put(by, MODEL, policy, revision=None), who, None)

    @rule(hours=st.sampled_from([1.0, 400.0]))
    def wait(self, hours: float) -> None:
        self.clock.sleep(hours * 3600)

    @invariant()
    def the_laws_hold(self) -> None:
        versions = {version.version: version for version in self.versions()}
        self.law_1_a_version_is_what_was_registered(versions)
        # Law 2: every number was used once, and none left out.
        assert sorted(versions) == list(range(1, len(self.registered) + 1))
        stages = {number: version.stage for number, version in versions.items()}
        # Law 3: at most one version is in production.
        assert list(stages.values()).count(Stage.PRODUCTION) <= 1
        self.law_4_the_log_alone_tells_where_every_version_is_and_who_let_it_go_there(stages)

    def law_1_a_version_is_what_was_registered(self, versions: dict[int, Version]) -> None:
        for number, (version, manifest) in self.registered.items():
            now = versions[number]
            assert replace(version, stage=now.stage, tags=now.tags, revision=now.revision) == now
            assert self.registry.manifest(now) == manifest

    def law_4_the_log_alone_tells_where_every_version_is_and_who_let_it_go_there(
        self, stages: dict[int, Stage]
    ) -> None:
        log = self.audit.entries("acme")
        assert prove(log).is_valid
        reported: dict[int, Stage] = {}
        requested_by: dict[str, str] = {}
        is_approved = False
        for entry in log:
            if entry.action == "version.registered":
                reported[number_of(entry)] = Stage.NONE
            elif entry.action == "request.requested":
                requested_by[entry.subject] = entry.actor
            elif entry.action == "request.approved":
                assert entry.actor != requested_by[entry.subject]
                is_approved = True
            elif entry.action in MOVES:
                number, to = number_of(entry), MOVES[entry.action]
                assert to in TRANSITIONS[reported[number]]
                assert entry.before == {"stage": reported[number]}
                if to is Stage.PRODUCTION:
                    assert is_approved or entry.reason.startswith("rollback from")
                    assert Stage.PRODUCTION not in reported.values()
                    is_approved = False
                reported[number] = to
        assert reported == stages

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    def act(self, verb: Verb, who: Principal, death: Death | None) -> Any:
        """Do it; what is refused or dies on the way leaves nothing at all behind, and dying begins a new process."""
        if death is None:
            with suppress(ModelyardError):
                return verb(who)
            return None
        before = self.everything()
        try:
            with self.dying_at(*death):
                return verb(who)
        except Crash:
            assert self.everything() == before
            self.database.close()
            self.start()
        except ModelyardError:
            pass
        return None

    @contextmanager
    def dying_at(self, word: str, nth: int, is_done: bool) -> Iterator[None]:  # noqa: FBT001 - a drawn triple.
        """The process dies when it says this word for the nth time, before or after it was heard."""
        owner_name, name = word.split(".")
        owner: Any = getattr(self, owner_name)
        real, calls = getattr(owner, name), iter(range(1, 1000))

        def may_die(*args: Any, **kwargs: Any) -> Any:
            is_last = next(calls) == nth
            if is_last and not is_done:
                raise Crash
            answer = real(*args, **kwargs)
            if is_last:
                raise Crash
            return answer

        setattr(owner, name, may_die)
        try:
            yield
        finally:
            delattr(owner, name)

    def some_version(self, data: st.DataObject) -> Version:
        number = data.draw(st.sampled_from(sorted(self.registered)))
        return self.registry.version(PEOPLE[0], MODEL, number)

    def open_requests(self) -> list[str]:
        page = self.promotion.page(PEOPLE[0], model_name=MODEL, status=RequestStatus.REQUESTED)
        return [request.request_id for request in page.items]

    def versions(self) -> list[Version]:
        return self.registry.versions(PEOPLE[0], MODEL) if self.registered else []

    def everything(self) -> list[Any]:
        """Every row of every table."""
        with self.database.read() as connection:
            return [connection.execute(select(table)).all() for table in metadata.sorted_tables]


def number_of(entry: Entry) -> int:
    """The version that an entry is about."""
    return int(entry.subject.rpartition("/")[2])


class TestGovernance:
    def test_laws_1_to_4_hold_over_any_history(self, sqlite_template: Path) -> None:
        quick = settings(
            max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        )
        GovernanceLaw.template = sqlite_template
        run_state_machine_as_test(GovernanceLaw, settings=quick)
