"""The steps of a training job: an environment, a run of the script or notebook, and registering what it logged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelyard.errors import DiskFull, Invalid, ModelyardError, Unavailable
from modelyard.file_tree import FolderTree
from modelyard.job_secrets.service import JobSecrets
from modelyard.jobs.domain import Job
from modelyard.jobs.log import AFTER_RUN, BEFORE_RUN
from modelyard.jobs.service import JobService, owner_of
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.packaging.python import refuse_unservable_python
from modelyard.packaging.service import PackagingService
from modelyard.ports.clock import Clock
from modelyard.ports.environments import Environments, Lock, LogLine
from modelyard.ports.runner import (
    HasOwnTrackingAddress,
    Limits,
    LogsElsewhere,
    PreparesRuns,
    Runner,
    RunOutcome,
    RunPhase,
    RunSpec,
    StartsLater,
)
from modelyard.ports.tracking import LoggedModel, Tracking
from modelyard.projects.service import ProjectService
from modelyard.registry.provenance import DataReference, Provenance, Source
from modelyard.registry.selection import MetricRules, parse_best_of, select_model
from modelyard.registry.service import RegistryService
from modelyard.tracker_names import JOB_TAG
from modelyard.tracking_access.grants import RunCredentials
from modelyard.training.data import data_tags, data_variables
from modelyard.training.domain import own_tracking_uri, script_environment, script_sha256, with_own_requirement
from modelyard.training.executed_notebooks import ExecutedNotebooks
from modelyard.training.kinds import ONE_CLICK, TRAINING, Phase
from modelyard.training.logged import RUN_KEY_TAG, LoggedByJobs
from modelyard.training.notebooks import DRIVER_REQUIREMENTS, KERNEL_REQUIREMENT, driver_python
from modelyard.training.opening import OpeningModels
from modelyard.training.project_code import RunFiles
from modelyard.training.runners import Runners
from modelyard.training.runs import MAX_RUNS, run_key_of
from modelyard.training.scripts import content_to_run
from modelyard_client.notebooks import is_notebook

_KEPT = ". What it had logged before is kept, and can be registered without training again"
_MAX_REPORTED = 100
"""Logged models that a job's answer lists."""
_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Training:
    """What the steps of a training job need."""

    jobs: JobService
    registry: RegistryService
    packaging: PackagingService
    environments: Environments
    runners: Runners
    tracking: Tracking
    clock: Clock
    limits: Limits
    secrets: JobSecrets
    projects: ProjectService
    logged: LoggedByJobs
    opening: OpeningModels
    notebooks: ExecutedNotebooks
    metric_rules: MetricRules
    tracking_requirement: str
    """The tracker's client, which every environment of a run holds, e.g. `mlflow==3.17.2`."""
    credentials: RunCredentials
    check_space: Callable[[], None]
    """Raises DiskFull when a run must not go on; its files then go with it."""

    @property
    def work(self) -> JobWork:
        """What a training job does."""
        return JobWork(TRAINING, self.train_and_register, self.stop)

    def train_and_register(self, steps: JobSteps) -> Result:
        """From script to version: gives `model_version`, `run_id` and `experiment_name`."""
        job = steps.job
        steps.enter(Phase.TRAINING)
        environment = steps.run("environment", lambda: self._environment(job))
        trained = steps.run("train", lambda: self._train(job, environment["lock"], environment.get("driver")))
        if is_notebook(job.request["script_name"]):
            steps.run("notebook", lambda: self._keep_notebook(job, trained["run_key"]))
        failure = trained.get("failure")
        phase = Phase.REGISTERING if failure is None else Phase.TRAINING
        steps.enter(phase)
        logged = steps.run("collect", lambda: self._collect(job, trained["run_key"], environment["lock"]))
        steps.enter(phase, **logged)
        if failure is not None:
            raise Invalid(failure + _KEPT if logged["logged_models"] else failure, code="script_failed")
        selected = steps.run("select", lambda: self._select(job, trained.get("tracking_uri")))
        steps.run("open", lambda: self._open(job, selected, trained["run_key"], environment["lock"]))
        registered = steps.run("register", lambda: self._register(job, selected, environment["lock"]))
        steps.enter(Phase.REGISTERING, **registered)
        return registered

    def stop(self, job: Job) -> None:
        """End what runs for the job; on a full disk its files go too, but for the log."""
        runner = self.runners.of(job)
        for attempt in range(1, MAX_RUNS + 1):
            run_key = run_key_of(job.job_id, attempt)
            runner.cancel(run_key)
            try:
                self.check_space()
                self.notebooks.keep(job, RunFiles(runner, run_key))
            except DiskFull:
                runner.discard(run_key)

    def _environment(self, job: Job) -> Result:
        say = self._say_before(job)
        lock = self._lock(job, say)
        if job.kind == ONE_CLICK:
            refuse_unservable_python(lock.python)
        driver = self._driver(job, lock)
        _prepare(self.runners.of(job), lock, driver, say)
        self.environments.ensure(lock, log=say)
        self.packaging.keep_lock(lock)
        if driver is None:
            return {"lock": lock.digest}
        self.environments.ensure(driver, log=say)
        self.packaging.keep_lock(driver)
        return {"lock": lock.digest, "driver": driver.digest}

    def _lock(self, job: Job, log: LogLine) -> Lock:
        """The lock that the request names, else one that is resolved of its requirements now."""
        request = job.request
        if (digest := request.get("lock")) is not None:
            return self._kept_lock(digest)
        requirements = with_own_requirement(request["requirements"], self.tracking_requirement)
        if is_notebook(request["script_name"]):
            requirements = with_own_requirement(requirements, KERNEL_REQUIREMENT)
        return self.environments.lock(
            requirements,
            constraints="\n".join(request.get("constraints", ())),
            requires_python=request.get("requires_python", ""),
            log=log,
        )

    def _driver(self, job: Job, lock: Lock) -> Lock | None:
        """What drives the job's notebook, on the same Python where that is new enough."""
        if not is_notebook(job.request["script_name"]):
            return None
        python = driver_python(lock.python)
        return self.environments.lock(DRIVER_REQUIREMENTS, requires_python=python, log=self._say_before(job))

    def _train(self, job: Job, lock_digest: str, driver_digest: str | None) -> Result:
        self.tracking.ensure_experiment(_experiment(job))
        runner = self.runners.of(job)
        for attempt in range(1, MAX_RUNS + 1):
            run_key = run_key_of(job.job_id, attempt)
            # Again: what was prepared may be gone by now, as images that nobody used.
            driver = None if driver_digest is None else self._kept_lock(driver_digest)
            _prepare(runner, self._kept_lock(lock_digest), driver, self._say_before(job))
            spec = self._spec(job, runner, run_key=run_key, lock_digest=lock_digest)
            runner.start(replace(spec, notebook_driver=driver_digest))
            if (outcome := self._wait(job, runner, run_key)) is not None:
                return {
                    "run_key": run_key,
                    "tracking_uri": outcome.tracking_uri,
                    "failure": _failure(job, outcome),
                }
        raise ModelyardError(f"the run was lost {MAX_RUNS} times: its process was killed from outside", code="run_lost")

    def _kept_lock(self, digest: str) -> Lock:
        return Lock(self.packaging.lock_text(digest), digest)

    def _wait(self, job: Job, runner: Runner, run_key: str) -> RunOutcome | None:
        """Wait for the run's end; None when it was lost with its machine."""
        said = set[str | None]([None])
        while True:
            outcome = runner.observe(run_key)
            if outcome.phase is RunPhase.RUNNING and outcome.reason not in said:
                self._say_before(job)(f"the run waits to begin: {outcome.reason}")
                said.add(outcome.reason)
            if outcome.phase is RunPhase.LOST:
                runner.cancel(run_key)  # What it had started may be there still.
                return None
            if outcome.phase is RunPhase.UNKNOWN:
                raise Unavailable("the run did not begin", code="runner_unavailable")
            if outcome.phase is RunPhase.FINISHED:
                return outcome
            self.jobs.raise_if_cancelled(job.job_id)
            self.check_space()
            self.clock.sleep(_POLL_SECONDS)

    def _spec(self, job: Job, runner: Runner, *, run_key: str, lock_digest: str) -> RunSpec:
        request: Mapping[str, Any] = job.request
        limits = self.limits
        if request.get("timeout_seconds") is not None:
            limits = Limits(
                seconds=min(limits.seconds, request["timeout_seconds"]),
                memory_bytes=limits.memory_bytes,
                output_bytes=limits.output_bytes,
                disk_bytes=limits.disk_bytes,
            )
        project = self._project(job)
        waits = runner.start_seconds if isinstance(runner, StartsLater) else 0
        return RunSpec(
            run_key=run_key,
            python_environment=lock_digest,
            script_name=request["script_name"],
            script_content=content_to_run(request, None if project is None else project.folder),
            environment=script_environment(
                tracking_uri=runner.tracking_uri if isinstance(runner, HasOwnTrackingAddress) else self.tracking.uri,
                experiment_name=_experiment(job),
                tags={JOB_TAG: job.job_id, RUN_KEY_TAG: run_key, **data_tags(request.get("data", {}))},
                given={**request.get("environment", {}), **data_variables(request.get("data", {}))},
                plots_inline=is_notebook(request["script_name"]),
            ),
            limits=limits,
            arguments=tuple(request.get("arguments", ())),
            secrets={**self.secrets.of(job), **self.credentials.secrets(run_key, seconds=waits + limits.seconds)},
            project=project,
        )

    def _project(self, job: Job) -> FolderTree | None:
        sha256 = job.request.get("project")
        return None if sha256 is None else FolderTree(self.projects.get(job.tenant_id, sha256).folder)

    def _keep_notebook(self, job: Job, run_key: str) -> Result:
        """Keep what was executed, also when a cell failed, and add it to the runs that the notebook made."""
        is_kept = self.notebooks.keep(job, RunFiles(self.runners.of(job), run_key))
        if is_kept:
            self.notebooks.add_to_runs(job, self.tracking.runs_tagged(RUN_KEY_TAG, run_key))
        else:
            self._say(job, "there is no executed notebook: the run left none, or one that is too large")
        return {"is_kept": is_kept}

    def _collect(self, job: Job, run_key: str, lock_digest: str) -> Result:
        """Bind what the script logged to the job, also when it failed afterwards."""
        provenance = provenance_of(job)
        if (foreign := _foreign_tracking(self.runners.of(job))) is not None:
            self.logged.bind_copies(
                job,
                run_key,
                foreign,
                provenance=provenance,
                lock_digest=lock_digest,
                log=lambda line: self._say(job, line),
            )
        self.logged.bind(job, run_key, provenance=provenance, lock_digest=lock_digest)
        return {"logged_models": [one.to_json() for one in self.logged.candidates(job.job_id)[:_MAX_REPORTED]]}

    def _select(self, job: Job, tracking_uri: str | None) -> Result:
        """Which of the models that the script logged is meant."""
        candidates = self.logged.candidates(job.job_id)
        if not candidates and tracking_uri:
            raise Invalid(
                f"the run logged no model here: {own_tracking_uri(tracking_uri)}", code="tracking_uri_changed"
            )
        best_of = job.request.get("best_of")
        selection = select_model(
            candidates,
            logged_model=job.request.get("logged_model"),
            best_of=None
            if best_of is None
            else parse_best_of(best_of, self.metric_rules(owner_of(job), job.model_name)),
        )
        if selection.others:
            self._say(job, selection.summary)
        return {
            "model_uri": selection.chosen.model.uri,
            "selection": selection.to_json() if selection.others else None,
        }

    def _open(self, job: Job, selected: Result, run_key: str, lock_digest: str) -> Result:
        """See that the model can be opened as its server will open it, while there is no version of it yet."""
        self.opening.prove(
            self._chosen(job, selected),
            lock_digest=lock_digest,
            run=RunFiles(self.runners.of(job), run_key),
            script_name=job.request["script_name"],
            log=lambda line: self._say(job, line),
        )
        return {}

    def _chosen(self, job: Job, selected: Result) -> LoggedModel:
        candidates = self.logged.candidates(job.job_id)
        return next(one.model for one in candidates if one.model.uri == selected["model_uri"])

    def _say_before(self, job: Job) -> LogLine:
        """Writes lines that stand before what the run prints."""
        log = self.jobs.log(job.job_id)
        return lambda line: log.write(BEFORE_RUN, line)

    def _say(self, job: Job, line: str) -> None:
        self.jobs.log(job.job_id).write(AFTER_RUN, line)

    def _register(self, job: Job, selected: Result, lock_digest: str) -> Result:
        version = self.registry.register(
            owner_of(job),
            model_name=job.model_name,
            logged=self._chosen(job, selected),
            description=f"trained by {job.request['script_name']}",
            lock_digest=lock_digest,
            job_id=job.job_id,
            provenance=provenance_of(job),
        )
        return {
            "model_version": version.version,
            "run_id": version.run_id,
            "experiment_name": version.experiment_name,
            "selection": selected["selection"],
        }


def _prepare(runner: Runner, lock: Lock, driver: Lock | None, log: LogLine) -> None:
    if isinstance(runner, PreparesRuns):
        runner.prepare(lock, driver=driver, log=log)


def _foreign_tracking(runner: Runner) -> Tracking | None:
    return runner.foreign_tracking if isinstance(runner, LogsElsewhere) else None


def _failure(job: Job, outcome: RunOutcome) -> str | None:
    """Why the script or the notebook failed; None when it ended well."""
    if outcome.exit_code == 0 and outcome.reason is None:
        return None
    reason = outcome.reason or f"it ended with exit code {outcome.exit_code}"
    hint = f" ({own_tracking_uri(outcome.tracking_uri)})" if outcome.tracking_uri else ""
    what = "notebook" if is_notebook(job.request["script_name"]) else "script"
    return f"the {what} failed: {reason}{hint}"


def provenance_of(job: Job) -> Provenance:
    """What the job's own row says of what it ran: nothing that a script could have written."""
    git = job.request.get("git") or {}
    return Provenance(
        source=Source.JOB,
        script_name=job.request["script_name"],
        script_sha256=script_sha256(job),
        archive_sha256=job.request.get("project"),
        arguments=tuple(job.request.get("arguments", ())),
        parameters=job.request.get("parameters", {}),
        environment=job.request.get("environment", {}),
        secrets=tuple(job.request.get("secrets", ())),
        git_commit=git.get("commit"),
        git_is_dirty=git.get("is_dirty"),
        data={name: DataReference(**each) for name, each in job.request.get("data", {}).items()},
        parent_version=job.request.get("parent_version"),
    )


def _experiment(job: Job) -> str:
    if job.experiment_name is None:
        raise AssertionError("a job that trains has an experiment")
    return job.experiment_name
