"""The catalogue's verbs. What the tracker tells is asked for before a transaction is open, never inside one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import NotFound
from modelyard.outbox.service import Outbox
from modelyard.paging import Page
from modelyard.plain import plain_json, plain_text
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import PARENT_TAG, LoggedModel, TrackedRun, Tracking, no_model
from modelyard.principals import Principal
from modelyard.registry import store
from modelyard.registry.deletion_store import is_deleted
from modelyard.registry.domain import (
    MAX_VERSION,
    Dataset,
    Manifest,
    Model,
    NewVersion,
    Version,
    check_manifest,
    refuse_deleting,
    shown_metrics,
    user_tags,
)
from modelyard.registry.files import manifest_of
from modelyard.registry.job_runs import JobRun, JobRuns, run_of_another_job, source_of
from modelyard.registry.labels import find_labelled, find_mirrored, names_of
from modelyard.registry.mlmodel import read_signature
from modelyard.registry.numbering import AfterRegistration, Found, Numbering, RunClaims
from modelyard.registry.ownership import JobOwners, Ownership
from modelyard.registry.parameters import ParameterValue, read_parameters, refuse_contradiction
from modelyard.registry.provenance import Provenance, Source
from modelyard.registry.search.filters import (
    EVERY_MODEL,
    EVERY_VERSION,
    NEWEST_FIRST,
    ModelFilter,
    ModelOrder,
    VersionFilter,
    VersionOrder,
)
from modelyard.registry.search.pages import page_of_models, page_of_versions, versions_from
from modelyard.registry.selection import Candidate
from modelyard.registry.states import Stage
from modelyard.registry.tagged import SlotNames
from modelyard.tracker_names import JOB_TAG, mirror_name

_IN_RUN = "runs:/"


class RegistryService:
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
        self._database = database
        self._tracking = tracking
        self._audit = audit
        self._scratch = scratch
        self._ownership = Ownership(database=database, jobs=jobs)
        self._slots = SlotNames()
        self._numbering = Numbering(
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
        found: Found | None = None,
    ) -> Version:
        """Register a logged model as the next version of `model_name`, which is made if it is not there.

        Every file is fetched once and hashed; nothing is loaded. With a `job_id`, the second call gives the version of
        the first. `found` says that somebody registered it elsewhere before. What the run measured counts as measured;
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
        told = self._told(principal, logged, run, job_id)
        refuse_contradiction(told.parameters, parameters or {})
        shown, claimed = shown_metrics(told.metrics, metrics or {})
        manifest, signature = self._inspect(logged)
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
            parameters=plain_json({**read_parameters(told.parameters), **(parameters or {})}),
            signature=signature,
            manifest=manifest,
            lock_digest=lock_digest or told.lock_digest,
            job_id=job_id,
            datasets=datasets_of(run),
            provenance=told.provenance_of(provenance or Provenance(source=Source.RUN)),
        )
        return self._numbering.add(principal, new, found or Found())

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

    def version_of(self, tenant_id: str, model_name: str, model_uri: str) -> Version | None:
        """The newest version of a model that was made of this logged model."""
        with self._database.read() as connection:
            return store.find_version_of(connection, tenant_id, model_name, model_uri)

    def version_of_job(self, job_id: str) -> Version | None:
        """The version that a job registered."""
        with self._database.read() as connection:
            return store.find_version_of_job(connection, job_id)

    def create(self, principal: Principal, name: str, *, description: str, tags: Mapping[str, str]) -> Model:
        """Make a model without versions. One that was deleted begins anew, but its numbers go on.

        Raises:
            Conflict: code `model_exists`, or `quota_exceeded`.
        """
        return self._numbering.begin(principal, name, description=description, tags=tags)

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

    def version(self, principal: Principal, model_name: str, number: int | None = None) -> Version:
        """One version of a model; the newest without a number.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        with self._database.read() as connection:
            if number is None:
                number = self._model(connection, principal, model_name).latest_version
            version = None
            if number is not None and 0 < number <= MAX_VERSION:
                version = store.find_version(connection, principal.tenant_id, model_name, number)
        if version is None:
            raise NotFound(f"model '{model_name}' has no version {number}", code="version_not_found")
        return version

    def version_within(self, connection: Connection, principal: Principal, model_name: str, number: int) -> Version:
        """One version, read in the caller's transaction.

        Raises:
            NotFound: code `version_not_found`.
        """
        version = store.find_version(connection, principal.tenant_id, model_name, number)
        if version is None:
            raise NotFound(f"model '{model_name}' has no version {number}", code="version_not_found")
        return version

    def versions_numbered(self, principal: Principal, model_name: str, numbers: Sequence[int]) -> dict[int, Version]:
        """Those of these versions that are there."""
        with self._database.read() as connection:
            return self.numbered_within(connection, principal, model_name, numbers)

    @staticmethod
    def numbered_within(
        connection: Connection, principal: Principal, model_name: str, numbers: Sequence[int]
    ) -> dict[int, Version]:
        """The same, read in the caller's transaction."""
        found = store.versions_numbered(connection, principal.tenant_id, model_name, numbers)
        return {version.version: version for version in found}

    def get_not_deleting(self, connection: Connection, principal: Principal, model_name: str, number: int) -> Version:
        """One version with which something new may begin, read in the caller's transaction.

        Raises:
            NotFound: code `version_not_found`.
            Conflict: code `version_deleting`.
        """
        version = self.version_within(connection, principal, model_name, number)
        refuse_deleting(version)
        return version

    def former_production(self, connection: Connection, principal: Principal, model_name: str) -> Version | None:
        """The archived version that left production last, by the audit log."""
        prefix = f"models/{model_name}/versions/"
        for entry in self._audit.latest(
            connection, principal.tenant_id, action=f"version.{Stage.ARCHIVED}", subject_prefix=prefix
        ):
            if entry.before is None or entry.before.get("stage") != Stage.PRODUCTION:
                continue
            number = int(entry.subject.removeprefix(prefix))
            version = store.find_version(connection, principal.tenant_id, model_name, number)
            if version is not None and version.stage is Stage.ARCHIVED:
                return version
        return None

    def versions(self, principal: Principal, model_name: str) -> list[Version]:
        """All versions of a model, newest first."""
        with self._database.read() as connection:
            self._model(connection, principal, model_name)
            return store.versions_of(connection, principal.tenant_id, model_name)

    def manifest(self, version: Version) -> Manifest:
        """The files of a version as they were when it was registered."""
        with self._database.read() as connection:
            return store.manifest(connection, version)

    def model(self, principal: Principal, model_name: str) -> Model:
        """One model.

        Raises:
            NotFound: code `model_not_found`.
        """
        with self._database.read() as connection:
            return self._model(connection, principal, model_name)

    def hold(self, connection: Connection, principal: Principal, model_name: str) -> Model:
        """One model, which nobody else changes until the caller's transaction ends.

        Raises:
            NotFound: code `model_not_found`.
        """
        store.hold_model(connection, principal.tenant_id, model_name)
        return self._model(connection, principal, model_name)

    def page_of_versions(
        self,
        principal: Principal,
        model_name: str,
        which: VersionFilter = EVERY_VERSION,
        *,
        order: VersionOrder = NEWEST_FIRST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Version]:
        """Versions of a model that meet the filter.

        Raises:
            NotFound: code `model_not_found`.
            Invalid: code `cursor_invalid`.
        """
        with self._database.read() as connection:
            self._model(connection, principal, model_name)
            return page_of_versions(
                connection, principal.tenant_id, model_name, which, order=order, limit=limit, cursor=cursor
            )

    def some_versions(self, principal: Principal, model_name: str, numbers: Iterable[int]) -> list[Version]:
        """These versions of a model, as they are at one moment.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        with self._database.read() as connection:
            self._model(connection, principal, model_name)
            return [self.version_within(connection, principal, model_name, number) for number in numbers]

    def versions_from(
        self,
        principal: Principal,
        *,
        run_id: str | None = None,
        job_id: str | None = None,
        script_sha256: str | None = None,
        limit: int,
    ) -> list[Version]:
        """Versions of any model that came of a run, a job or a script, newest first."""
        with self._database.read() as connection:
            return versions_from(
                connection,
                principal.tenant_id,
                run_id=run_id,
                job_id=job_id,
                script_sha256=script_sha256,
                limit=limit,
            )

    def models(
        self,
        principal: Principal,
        which: ModelFilter = EVERY_MODEL,
        *,
        order: ModelOrder = ModelOrder.NAME,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Model]:
        """Models that meet the filter.

        Raises:
            Invalid: code `cursor_invalid`.
        """
        with self._database.read() as connection:
            return page_of_models(
                connection, self._slots, principal.tenant_id, which, order=order, limit=limit, cursor=cursor
            )

    def count(self, principal: Principal) -> int:
        """How many models there are."""
        with self._database.read() as connection:
            return store.count_models(connection, principal.tenant_id)

    def count_within(self, connection: Connection, tenant_id: str) -> tuple[int, int]:
        """How many models and versions a tenant has, in the caller's transaction."""
        return store.count_models(connection, tenant_id), store.count_versions(connection, tenant_id)

    def is_deleted(self, tenant_id: str, label: str, number: int) -> bool:
        """Whether this version of the model with this label was deleted, and not restored."""
        with self._database.read() as connection:
            model_name = find_labelled(connection, tenant_id, label)
            return model_name is not None and is_deleted(connection, tenant_id, model_name, number)

    def label(self, tenant_id: str, model_name: str) -> str:
        """The label of a model, also of a deleted one.

        Raises:
            NotFound: code `model_not_found`.
        """
        with self._database.read() as connection:
            names = names_of(connection, tenant_id, model_name)
        if names is None:
            raise NotFound(f"there is no model '{model_name}'", code="model_not_found")
        return names[0]

    def mirror_name(self, tenant_id: str, model_name: str) -> str:
        """What MLflow calls a model, also a deleted one; of one that never was, what it would be called first."""
        with self._database.read() as connection:
            names = names_of(connection, tenant_id, model_name)
        return mirror_name(tenant_id, model_name) if names is None else names[1]

    def has_had(self, tenant_id: str, model_name: str) -> bool:
        """Whether there is or was a model of this name."""
        with self._database.read() as connection:
            return names_of(connection, tenant_id, model_name) is not None

    def mirrored(self, name: str) -> tuple[str, str] | None:
        """The tenant and the name of the model that MLflow calls so, also of a deleted one."""
        with self._database.read() as connection:
            return find_mirrored(connection, name)

    def _own_run(self, principal: Principal, logged: LoggedModel) -> TrackedRun | None:
        """The run of a logged model, of which nothing is asked before it is known whose the model is."""
        self._ownership.check_model(principal.tenant_id, logged)
        if logged.run_id is None:
            return None
        run = self._tracking.run(logged.run_id)
        self._ownership.check_run(principal.tenant_id, run)
        return run

    def _told(self, principal: Principal, logged: LoggedModel, run: TrackedRun | None, job_id: str | None) -> "_Told":
        """What was measured: by a run of a job until the job's end, by any other until now."""
        bound = self.job_runs.find(source_of(logged))
        if bound is None:
            self._refuse_running(logged, run)
            parts = (run, logged) if run is not None else (logged,)
            return _Told(
                metrics={name: value for part in parts for name, value in part.metrics.items()},
                parameters={name: value for part in reversed(parts) for name, value in part.parameters.items()},
            )
        if bound.tenant_id != principal.tenant_id:
            raise no_model(logged.uri)
        if job_id not in (None, bound.job_id):
            raise run_of_another_job(bound.source, bound.job_id)
        model = bound.model(logged)
        return _Told(
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

    @staticmethod
    def _model(connection: Connection, principal: Principal, name: str) -> Model:
        model = store.find_model(connection, principal.tenant_id, name)
        if model is None:
            raise NotFound(f"there is no model '{name}'", code="model_not_found")
        return model


@dataclass(frozen=True, slots=True)
class _Told:
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


def datasets_of(run: TrackedRun | None) -> tuple[Dataset, ...]:
    """The data that a run says it used, as a version keeps it."""
    return tuple(Dataset(**plain_json(asdict(dataset))) for dataset in (run.datasets if run else ()))
