"""A control plane over fakes whose process can die at any word that it says to the world, and begin again."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, update

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.key_sets.fake import FakeKeySets
from modelyard.adapters.model_server import HttpDriftCounts, HttpModelDocuments, HttpPredictions
from modelyard.adapters.receiver.fake import FakeReceivers
from modelyard.adapters.runner import FakeRunner
from modelyard.adapters.service_hosts.fake import FakeServiceHosts
from modelyard.adapters.target.fake import FakeTarget
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.adapters.wheels import FakeWheels
from modelyard.deletion.domain import DeleteMode, Subject
from modelyard.deployments.domain import Deployment
from modelyard.deployments.states import DeploymentStatus
from modelyard.jobs.domain import Job
from modelyard.main import Adapters, ControlPlane
from modelyard.mirror.domain import VERSION_TAG
from modelyard.packaging.settings import PackagingSettings
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.registry.domain import Version
from modelyard.registry.states import Stage
from modelyard.registry.tables import versions
from modelyard.settings import Settings
from modelyard.storage import StorageSettings
from modelyard.tracking_access.grants import NoCredentials

ALICE = Principal(tenant_id="default", subject="alice", role=Role.ADMIN)
MALLORY = Principal(tenant_id="elsewhere", subject="mallory", role=Role.ADMIN)
FILES: Mapping[str, bytes] = {"MLmodel": b"flavors: {sklearn: {}}\n", "model.pkl": b"never unpickled here"}
REMOVALS = ("delete_run", "delete_experiment", "restore_run", "purge_model", "purge_run")


class Crash(BaseException):
    """What `kill -9` looks like from inside."""


class WorldClock(ManualClock):
    """Whoever sleeps lets the others work."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Move on, and let the others have their turn."""
        super().sleep(seconds)
        self.meanwhile()


@dataclass
class World:
    """One home with the world outside of it; `start` begins the next process over both."""

    home: Path
    template: Path | None = None
    """A SQLite file with the schema and no rows; None for the database at `database_url`, which is empty."""
    database_url: str | None = None
    clock: WorldClock = field(default_factory=WorldClock)
    engine: InlineJobEngine = field(default_factory=InlineJobEngine)
    target: FakeTarget = field(default_factory=FakeTarget)
    tracking: FakeTracking = field(default_factory=FakeTracking)
    registered: FakeRegisteredModels = field(init=False)
    dies_at: int | None = None
    """After how many words the process dies; None for never."""
    words: int = 0

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)
        if self.template is not None:
            shutil.copy(self.template, self.home / "modelyard.db")
        self.registered = FakeRegisteredModels(self.tracking)
        self._speaking_tracker()
        self._numbers = count(1)
        self.control = self.start()

    def start(self) -> ControlPlane:
        """A process begins, the first or the next one after a crash."""
        adapters = Adapters(
            clock=self.clock,
            engine=self.engine,
            environments=FakeEnvironments(self.home / "environments"),
            receivers=FakeReceivers(),
            service_hosts=FakeServiceHosts(),
            key_sets=FakeKeySets(),
            runner=FakeRunner(),
            runners={"local": FakeRunner()},
            targets={"fake": self.target},
            tracking=self.tracking,
            registered=self.registered,
            run_credentials=NoCredentials(),
            documents=HttpModelDocuments(),
            drift_counts=HttpDriftCounts(),
            predictions=HttpPredictions(),
            api_management=None,
            wheels=FakeWheels(self.home / "wheels"),
        )
        settings = Settings(
            storage=StorageSettings(home=self.home, database_url=self.database_url),
            packaging=PackagingSettings(compile_models=False),
        )
        self.control = ControlPlane(settings, adapters)
        self._speaking_database()
        self.clock.meanwhile = self.settle
        return self.control

    def restart(self) -> None:
        """The process is gone, and the next one goes on with its jobs."""
        self.close()
        self.dies_at = None
        self.start()
        self.control.jobs.resume()

    def close(self) -> None:
        """Give back what the process holds."""
        self.control.deployment_parts.reconcilers[0].stop()
        self.control.database.close()

    def log_model(self, experiment: str = "iris", *, run_id: str | None = None) -> LoggedModel:
        """Be a script that logs a model, in a run of its own when none is named."""
        return self.tracking.log_model(run_id or self.tracking.log_run(experiment), "model", FILES)

    def register(self, logged: LoggedModel | None = None, *, name: str = "iris", owner: Principal = ALICE) -> Version:
        """The next version of a model, of a new run when nothing is named."""
        return self.control.registry.register(owner, model_name=name, logged=logged or self.log_model())

    def share_run(self, run_id: str, *, name: str) -> Version:
        """Another tenant's version of the same run, as there may be from before a run was one tenant's."""
        version = self.register(name=name, owner=MALLORY)
        with self.control.database.write() as connection:
            theirs = versions.c.tenant_id == MALLORY.tenant_id
            connection.execute(update(versions).where(theirs).values(run_id=run_id))
        return version

    def deploy(self, version: Version) -> Deployment:
        """Build and deploy a version, until it is ready."""
        self.control.packaging.build(version, log=lambda _: None)
        job_id = f"job-of-test-{next(self._numbers)}"
        made = self.control.deployments.create(ALICE, version, replicas=1, namespace="default", job_id=job_id)
        while (found := self.control.deployments.get(ALICE, made.deployment_id)).status is not DeploymentStatus.READY:
            self.settle()
        return found

    def settle(self) -> None:
        """One pass of the reconciler, to its end."""
        self.control.deployment_parts.reconcilers[0].pass_over_all()
        for future in list(self.control.deployment_parts.reconcilers[0]._in_progress.values()):
            future.result()  # The process dies as a whole, whichever thread said the word.

    def go_to(self, version: Version, *stages: Stage) -> Version:
        """Move a version from stage to stage, whatever its model's policy says."""
        for stage in stages:
            with self.control.database.write() as connection:
                mover = self.control.promotion._mover
                version = mover.move(connection, ALICE, version, stage, reason="a test")
        return version

    def active_runs(self) -> set[str]:
        """The tracker's runs that are not deleted."""
        return self.tracking._runs.keys() - self.tracking.deleted_runs

    def mirror(self) -> None:
        """Show the tracker what is new."""
        while self.control.delivery.deliver_due():
            pass

    def shown(self) -> set[tuple[str, int]]:
        """What the tracker's registry shows of ours, by model and version."""
        models = self.registered.page().models
        found = [version for model in models for version in self.registered.versions(model.name)]
        return {(version.name, int(version.tags[VERSION_TAG])) for version in found}

    def ask(self, version: int | None, mode: DeleteMode, *, name: str = "iris", **options: Any) -> Job:
        """Ask for a deletion."""
        asked: dict[str, Any] = {"undeploys": True, "reason": "a test"} | options
        return self.control.deletion.deletions.delete(ALICE, Subject("default", name, version), mode, **asked)

    def delete(self, version: int | None, mode: DeleteMode, *, name: str = "iris", **options: Any) -> Job:
        """Ask for a deletion, and work its job off."""
        job = self.ask(version, mode, name=name, **options)
        return self.work(job)

    def work(self, job: Job) -> Job:
        """Work off all jobs; gives this one as it ended."""
        while self.engine.run_next():
            pass
        return self.control.jobs.get(ALICE, job.job_id)

    def say(self) -> None:
        """A word to the world: here the process may die."""
        self.words += 1
        if self.dies_at is not None and self.words > self.dies_at:
            raise Crash

    def _speaking_database(self) -> None:
        write = self.control.database.write

        @contextmanager
        def speaking() -> Iterator[Connection]:
            self.say()
            with write() as connection:
                yield connection
            self.say()

        self.control.database.write = speaking  # type: ignore[method-assign]  # The process may die here.

    def _speaking_tracker(self) -> None:
        for verb in REMOVALS:
            setattr(self.tracking, verb, self._speaking(getattr(self.tracking, verb)))
        for verb in ("drop_version", "drop_model"):
            setattr(self.registered, verb, self._speaking(getattr(self.registered, verb)))

    def _speaking(self, verb: Callable[..., Any]) -> Callable[..., Any]:
        def speaking(*args: Any, **kwargs: Any) -> Any:
            self.say()
            reported = verb(*args, **kwargs)
            self.say()
            return reported

        return speaking
