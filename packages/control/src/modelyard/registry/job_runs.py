"""Which job a run belongs to, and what that run said when the job's script had ended: nothing later counts as measured.

A run is bound to the first job that used it, for good. What a script logs outside of any run is bound by its address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from modelyard.db.statements import insert_new
from modelyard.errors import Conflict
from modelyard.plain import plain_json
from modelyard.ports.tracking import LoggedModel
from modelyard.registry.provenance import Provenance
from modelyard.registry.tables import job_runs, versions


@dataclass(frozen=True, slots=True)
class FrozenModel:
    """A model that a run had logged by the end of the job."""

    uri: str
    name: str
    metrics: Mapping[str, float | None]
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JobRun:
    """A run of a job, or with a model's address as its `source` what was logged outside of any run."""

    source: str
    tenant_id: str
    job_id: str
    metrics: Mapping[str, float | None]
    parameters: Mapping[str, str]
    models: Sequence[FrozenModel]
    lock_digest: str | None
    """The environment of the job."""
    provenance: Provenance

    def model(self, logged: LoggedModel) -> FrozenModel:
        """The model as it was at the end of the job.

        Raises:
            Conflict: code `model_of_no_job`, when it was logged afterwards.
        """
        found = next((model for model in self.models if model.uri == logged.uri), None)
        if found is None:
            raise Conflict(
                f"model '{logged.name}' ({logged.uri}) was logged into run '{self.source}' after job '{self.job_id}', "
                "to which the run belongs, had ended: log it in a run of its own",
                code="model_of_no_job",
            )
        return found


def source_of(logged: LoggedModel) -> str:
    """What a logged model is bound by."""
    return logged.run_id or logged.uri


def bind(connection: Connection, runs: Sequence[JobRun], *, at: datetime) -> None:
    """Bind runs to their job; again, it changes nothing.

    Raises:
        Conflict: code `run_of_another_job`.
    """
    for run in runs:
        _refuse_registered(connection, run)
        fields = {
            "source": run.source,
            "tenant_id": run.tenant_id,
            "job_id": run.job_id,
            "metrics": plain_json(run.metrics),
            "parameters": plain_json(run.parameters),
            "models": plain_json([asdict(model) for model in run.models]),
            "lock_digest": run.lock_digest,
            "script_sha256": run.provenance.script_sha256,
            "provenance": run.provenance.to_json(),
            "bound_at": at,
        }
        if not insert_new(connection, job_runs, **fields):
            bound = find(connection, run.source)
            if bound is not None and bound.job_id != run.job_id:
                raise run_of_another_job(run.source, bound.job_id)


def find(connection: Connection, source: str) -> JobRun | None:
    """The job that a run belongs to, with what the run said then."""
    row = connection.execute(select(job_runs).where(job_runs.c.source == source)).mappings().first()
    if row is None:
        return None
    return JobRun(
        source=row["source"],
        tenant_id=row["tenant_id"],
        job_id=row["job_id"],
        metrics=row["metrics"],
        parameters=row["parameters"],
        models=tuple(FrozenModel(**model) for model in row["models"]),
        lock_digest=row["lock_digest"],
        provenance=Provenance.from_json(row["provenance"], script_sha256=row["script_sha256"]),
    )


def of_job(connection: Connection, job_id: str) -> list[str]:
    """The sources that are bound to a job, in the order in which they were."""
    query = select(job_runs.c.source).where(job_runs.c.job_id == job_id)
    return list(connection.execute(query.order_by(job_runs.c.bound_at, job_runs.c.source)).scalars())


def run_of_another_job(run_id: str, job_id: str) -> Conflict:
    """What refuses a run that somebody else's job had before."""
    return Conflict(
        f"run '{run_id}' belongs to job '{job_id}', and a run belongs to one job: begin a run of its own, also as a "
        "child of that one",
        code="run_of_another_job",
    )


def _refuse_registered(connection: Connection, run: JobRun) -> None:
    """A run of which there is a version that the job did not make is not the job's."""
    query = select(versions.c.model_name, versions.c.version, versions.c.job_id).where(versions.c.run_id == run.source)
    for name, version, job_id in connection.execute(query):
        if job_id is not None and job_id != run.job_id:
            raise run_of_another_job(run.source, job_id)
        if job_id is None and find(connection, run.source) is None:
            raise Conflict(
                f"version {version} of '{name}' was made of run '{run.source}' before job '{run.job_id}' used it: "
                "begin a run of its own",
                code="run_of_another_job",
            )
