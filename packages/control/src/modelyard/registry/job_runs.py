"""Which job a run belongs to, and what the run said when the job's script had ended: nothing later counts as measured.

A run is bound to the first job that used it, for good. What a script logs outside of any run is bound by its address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from modelyard.db import Database
from modelyard.db.statements import insert_new
from modelyard.errors import Conflict
from modelyard.plain import plain_json
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import LoggedModel
from modelyard.registry.provenance import Provenance
from modelyard.registry.tables import job_runs, versions


@dataclass(frozen=True, slots=True)
class JobRun:
    """A run of a job, or with a model's address as its `source` what was logged outside of any run."""

    source: str
    tenant_id: str
    job_id: str
    metrics: Mapping[str, float | None]
    parameters: Mapping[str, str]
    models: Sequence[LoggedModel]
    """Those that it had logged by the end of the job, oldest first, without their tags."""
    lock_digest: str | None
    """The environment of the job."""
    provenance: Provenance

    def model(self, logged: LoggedModel) -> LoggedModel:
        """The model as it was at the end of the job.

        Raises:
            Conflict: code `run_of_another_job`, when it was logged afterwards.
        """
        found = next((model for model in self.models if model.uri == logged.uri), None)
        if found is None:
            raise Conflict(
                f"model '{logged.name}' was logged into run '{self.source}' after the end of job '{self.job_id}', to "
                "which the run belongs: log it in a run of its own",
                code="run_of_another_job",
            )
        return found


def source_of(logged: LoggedModel) -> str:
    """What a logged model is bound by."""
    return logged.run_id or logged.uri


def run_of_another_job(run_id: str, job_id: str) -> Conflict:
    """What refuses a run that somebody else's job had before."""
    return Conflict(
        f"run '{run_id}' belongs to job '{job_id}', and a run belongs to one job: begin a new one",
        code="run_of_another_job",
    )


class JobRuns:
    """Runs of all jobs."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def bind(self, runs: Sequence[JobRun]) -> None:
        """Bind all of these runs to their job, or none. Again, it changes nothing: what they said first stays.

        Raises:
            Conflict: code `run_of_another_job`.
        """
        at = self._clock.now()
        with self._database.write() as connection:
            for run in runs:
                if insert_new(connection, job_runs, **_fields(run), bound_at=at):
                    _refuse_registered(connection, run)
                elif (bound := _find(connection, run.source)) is not None and bound.job_id != run.job_id:
                    raise run_of_another_job(run.source, bound.job_id)

    def find(self, source: str) -> JobRun | None:
        """The job that a run belongs to, with what the run said then; None of a run of no job."""
        with self._database.read() as connection:
            return _find(connection, source)

    def of_job(self, job_id: str) -> list[JobRun]:
        """The runs of a job."""
        query = select(job_runs).where(job_runs.c.job_id == job_id).order_by(job_runs.c.source)
        with self._database.read() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]


def _refuse_registered(connection: Connection, run: JobRun) -> None:
    """A run of which somebody has made a version before the job used it is not the job's."""
    query = select(versions.c.model_name, versions.c.version).where(versions.c.run_id == run.source)
    row = connection.execute(query.where(versions.c.job_id.is_distinct_from(run.job_id))).first()
    if row is not None:
        raise Conflict(
            f"run '{run.source}' was used before job '{run.job_id}', for version {row.version} of '{row.model_name}', "
            "and a run belongs to one job: begin a new one",
            code="run_of_another_job",
        )


def _find(connection: Connection, source: str) -> JobRun | None:
    row = connection.execute(select(job_runs).where(job_runs.c.source == source)).mappings().first()
    return None if row is None else _run(row)


def _fields(run: JobRun) -> dict[str, Any]:
    return {
        "source": run.source,
        "tenant_id": run.tenant_id,
        "job_id": run.job_id,
        "metrics": plain_json(run.metrics),
        "parameters": plain_json(run.parameters),
        "models": plain_json([{**asdict(model), "tags": {}} for model in run.models]),
        "lock_digest": run.lock_digest,
        "script_sha256": run.provenance.script_sha256,
        "provenance": run.provenance.to_json(),
    }


def _run(row: RowMapping) -> JobRun:
    return JobRun(
        source=row["source"],
        tenant_id=row["tenant_id"],
        job_id=row["job_id"],
        metrics=row["metrics"],
        parameters=row["parameters"],
        models=tuple(LoggedModel(**model) for model in row["models"]),
        lock_digest=row["lock_digest"],
        provenance=Provenance.from_json(row["provenance"], script_sha256=row["script_sha256"]),
    )
