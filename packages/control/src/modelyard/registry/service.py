"""Registers models and versions. MLflow is read before the transaction opens."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import NotFound
from modelyard.outbox.service import Outbox
from modelyard.plain import plain_json, plain_text
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import PARENT_TAG, LoggedModel, TrackedRun, Tracking, no_model
from modelyard.principals import Principal
from modelyard.registry.domain import (
    Dataset,
    Manifest,
    Model,
    NewVersion,
    Version,
    check_manifest,
    shown_metrics,
    user_tags,
)
from modelyard.registry.files import manifest_of
from modelyard.registry.job_runs import JobRun, JobRuns, run_of_another_job, source_of
from modelyard.registry.lookups import RegistryLookups
from modelyard.registry.mlmodel import read_signature
from modelyard.registry.ownership import JobOwners, Ownership
from modelyard.registry.parameters import ParameterValue, read_parameters, refuse_contradiction
from modelyard.registry.provenance import Provenance, Source
from modelyard.registry.selection import Candidate
from modelyard.registry.version_creation import AfterRegistration, ExternalRegistration, RunClaims, VersionCreation
from modelyard.tracker_names import JOB_TAG

_IN_RUN = "runs:/"
GIVEN_DATA = "reference"
"""The source type of data that a run was given by a reference."""


class RegistryService(RegistryLookups):
    """Models and versions of all tenants. `after_registration` follows each registration, in its transaction."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        tracking: Tracking,
        audit: AuditLog,
        outbox: Outbox,
        scratch: Path,
        jobs: JobOwners,
        claims: RunClaims,
        after_registration: AfterRegistration,
    ) -> None:
        super().__init__(database=database, audit=audit)
        self._tracking = tracking
        self._scratch = scratch
        self._ownership = Ownership(database=database, jobs=jobs)
        self._version_creation = VersionCreation(
            database=database,
            clock=clock,
            audit=audit,
            outbox=outbox,
            claims=claims,
            after_registration=after_registration,
        )
        self.job_runs = JobRuns(database=database, clock=clock)

    def register(
        self,
        principal: Principal,
        *,
        model_name: str,
        logged: LoggedModel,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        metrics: Mapping[str, float | None] | None = None,
        parameters: Mapping[str, ParameterValue] | None = None,
        lock_digest: str | None = None,
        job_id: str | None = None,
        provenance: Provenance | None = None,
        external: ExternalRegistration | None = None,
    ) -> Version:
        """Register a logged model as the next version of `model_name`, which is made if it is not there.

        Every file is fetched once and hashed; nothing is loaded. With a `job_id`, the second call gives the version of
        the first. `external` describes an earlier registration in MLflow. What the run measured counts as measured;
        `metrics` are the caller's claims. `provenance` is what the caller, a part of the platform, knows itself.

        Raises:
            NotFound: the run or the model is not in the tracker, or is another tenant's; or, with code
                `artifact_missing`, its files are gone.
            Conflict: code `run_of_another_job`, or `job_running`.
            Invalid: it holds no file, or one that cannot be named in a manifest; its MLmodel file is broken; or, with
                code `parameter_contradicted`, a parameter is not what the run logged.
            Unavailable: the tracker does not answer.
        """
        if job_id is not None and (earlier := self.version_of_job(job_id)) is not None:
            return earlier
        run = self._own_run(principal, logged)
        measured = self._measured(principal, logged, run, job_id)
        refuse_contradiction(measured.parameters, parameters or {})
        shown, claimed = shown_metrics(measured.metrics, metrics or {})
        manifest, signature = self._inspect(logged)
        known = measured.provenance_of(provenance or Provenance(source=Source.RUN))
        new = NewVersion(
            model_name=model_name,
            model_uri=logged.uri,
            artifact_uri=logged.artifact_uri,
            run_id=logged.run_id,
            experiment_name=run.experiment_name if run else None,
            description=plain_text(description),
            tags=plain_json(user_tags({**(run.tags if run else {}), **(tags or {})})),
            metrics=plain_json(shown),
            claimed_metrics=plain_json(claimed),
            parameters=plain_json({**read_parameters(measured.parameters), **(parameters or {})}),
            signature=signature,
            manifest=manifest,
            lock_digest=lock_digest or measured.lock_digest,
            job_id=job_id,
            datasets=(*datasets_of(run), *_given_data(known)),
            provenance=known,
        )
        return self._version_creation.add(principal, new, external or ExternalRegistration())

    def job_of(self, logged: LoggedModel) -> str | None:
        """The job of ours whose script logged a model, as far as is known."""
        if (bound := self.job_runs.find(source_of(logged))) is not None:
            return bound.job_id
        claimed = logged.tags.get(JOB_TAG)
        if claimed is None and logged.run_id is not None:
            claimed = self._tracking.run(logged.run_id).tags.get(JOB_TAG)
        return claimed if claimed is not None and self._ownership.is_job(claimed) else None

    def refuse_running(self, job_id: str) -> None:
        """As `Ownership.refuse_running`."""
        self._ownership.refuse_running(job_id)

    def create(self, principal: Principal, name: str, *, description: str, tags: Mapping[str, str]) -> Model:
        """Make a model without versions. A deleted name may be reused; numbering continues.

        Raises:
            Conflict: code `model_exists`, or `quota_exceeded`.
        """
        return self._version_creation.create_model(principal, name, description=description, tags=tags)

    def find_logged(
        self, principal: Principal, *, run_id: str | None, model_uri: str | None, with_children: bool = False
    ) -> list[Candidate]:
        """The models that a run of the caller's logged, with its child runs if wanted, or the one at an address.

        Raises:
            NotFound: code `not_tracked`, also for what is another tenant's.
        """
        if run_id is None and model_uri is not None and model_uri.startswith(_IN_RUN):
            run_id = model_uri.removeprefix(_IN_RUN).partition("/")[0]
        runs = []
        if run_id is not None:
            runs.append(self._tracking.run(run_id))
            self._ownership.check_run(principal.tenant_id, runs[0])
        if model_uri is not None:
            return [Candidate(self._tracking.logged_model(model_uri))]
        if with_children and run_id is not None:
            runs.extend(self._tracking.runs_tagged(PARENT_TAG, run_id))
        return [
            Candidate(model, {**run.metrics, **model.metrics})
            for run in runs
            for model in self._tracking.logged_models(run.run_id)
        ]

    def _own_run(self, principal: Principal, logged: LoggedModel) -> TrackedRun | None:
        """The run of a logged model, of which nothing is asked before it is known whose the model is."""
        self._ownership.check_model(principal.tenant_id, logged)
        if logged.run_id is None:
            return None
        run = self._tracking.run(logged.run_id)
        self._ownership.check_run(principal.tenant_id, run)
        return run

    def _measured(
        self, principal: Principal, logged: LoggedModel, run: TrackedRun | None, job_id: str | None
    ) -> "_Measured":
        """What was measured: by a run of a job until the job's end, by any other until now."""
        bound = self.job_runs.find(source_of(logged))
        if bound is None:
            self._refuse_running(logged, run)
            parts = (run, logged) if run is not None else (logged,)
            return _Measured(
                metrics={name: value for part in parts for name, value in part.metrics.items()},
                parameters={name: value for part in reversed(parts) for name, value in part.parameters.items()},
            )
        if bound.tenant_id != principal.tenant_id:
            raise no_model(logged.uri)
        if job_id not in (None, bound.job_id):
            raise run_of_another_job(bound.source, bound.job_id)
        model = bound.model(logged)
        return _Measured(
            metrics={**bound.metrics, **model.metrics},
            parameters={**model.parameters, **bound.parameters},
            lock_digest=bound.lock_digest,
            job=None if job_id is not None else bound,
        )

    def _refuse_running(self, logged: LoggedModel, run: TrackedRun | None) -> None:
        if (job_id := logged.tags.get(JOB_TAG) or (run.tags.get(JOB_TAG) if run else None)) is not None:
            self._ownership.refuse_running(job_id)

    def _inspect(self, logged: LoggedModel) -> tuple[Manifest, Mapping[str, Any] | None]:
        """Fetch the model's files, hash each, and read the signature from its MLmodel file."""
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._scratch) as name:
            folder = Path(name)
            try:
                self._tracking.download(logged.uri, folder)
            except NotFound as exc:
                raise NotFound(f"the files of '{logged.uri}' are gone", code="artifact_missing") from exc
            manifest = manifest_of(folder)
            check_manifest(manifest)
            return manifest, read_signature(folder)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a logged model and its run say. A model's own metric goes before its run's last one of that name."""

    metrics: Mapping[str, float | None]
    parameters: Mapping[str, str]
    lock_digest: str | None = None
    job: JobRun | None = None
    """The job whose run it is, if somebody else registers it."""

    def provenance_of(self, known: Provenance) -> Provenance:
        """What the caller knows, with what is known of the run's job."""
        if self.job is None:
            return known
        return replace(self.job.provenance, source=known.source, job_id=self.job.job_id)


def _given_data(provenance: Provenance) -> tuple[Dataset, ...]:
    """The data that the run was given, whose name says what it was for."""
    return tuple(
        Dataset(name=name, digest=each.sha256 or "", source_type=GIVEN_DATA, source=each.uri, context=name)
        for name, each in provenance.data.items()
    )


def datasets_of(run: TrackedRun | None) -> tuple[Dataset, ...]:
    """The data that a run says it used, as a version keeps it."""
    return tuple(Dataset(**plain_json(asdict(dataset))) for dataset in (run.datasets if run else ()))
