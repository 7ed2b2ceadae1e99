"""Whose a run or a logged model is, in a tracker that knows no tenants. A stranger's does not exist for anybody else.

It belongs to the tenants whose versions were made of it, deleted ones too; without any, to the tenant whose job made
it; else to those whose jobs use its experiment. What is nobody's is whose version is registered first
(docs/decisions/0211-a-run-of-another-tenant-does-not-exist.md).
"""

from collections.abc import Collection
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, func, select

from modelyard.db import Database
from modelyard.errors import Conflict
from modelyard.ports.tracking import LoggedModel, TrackedRun, no_model, no_run
from modelyard.registry.tables import versions
from modelyard.tracker_names import JOB_TAG

JOB_RUNNING = "job_running"


class JobOwners(Protocol):
    """Whose the jobs are that made runs and models. Read in the caller's transaction."""

    def tenants_of(self, connection: Connection, job_ids: Collection[str]) -> set[str]:
        """Whose these jobs are, as far as they are any."""

    def unfinished_of(self, connection: Connection, job_ids: Collection[str]) -> set[str]:
        """Those of these jobs that have not ended."""

    def tenants_using(self, connection: Connection, experiment_names: Collection[str]) -> set[str]:
        """Who has jobs that train into one of these experiments, or store there."""


class Ownership:
    """Lets a tenant pass to what is its own, or nobody's."""

    def __init__(self, *, database: Database, jobs: JobOwners) -> None:
        self._database = database
        self._jobs = jobs

    def check_run(self, tenant_id: str, run: TrackedRun) -> None:
        """Whether a run is there for this tenant.

        Raises:
            NotFound: as the tracker does for a run that it has not.
        """
        tags = {run.tags.get(JOB_TAG)}
        with self._database.read() as connection:
            is_others = self._belongs_to_other_tenant(
                connection, tenant_id, _made_in(run.run_id), tags, {run.experiment_name}
            )
        if is_others:
            raise no_run(run.run_id)

    def check_model(self, tenant_id: str, model: LoggedModel) -> None:
        """Whether a logged model is there for this tenant, as far as it says so itself; its run may say more.

        Raises:
            NotFound: as the tracker does for a model that it has not.
        """
        made = _made_of(model.run_id, model.artifact_uri)
        tags = {model.tags.get(JOB_TAG)}
        with self._database.read() as connection:
            is_others = self._belongs_to_other_tenant(connection, tenant_id, made, tags, {model.experiment_name})
        if is_others:
            raise no_model(model.uri)

    def refuse_running(self, job_id: str) -> None:
        """Let nobody register what a job's script logs before the job has ended: it may log more, and choose.

        Raises:
            Conflict: code `job_running`.
        """
        with self._database.read() as connection:
            is_running = bool(self._jobs.unfinished_of(connection, [job_id]))
        if is_running:
            raise Conflict(
                f"job '{job_id}', whose script logged the model, has not ended: it registers the model itself",
                code=JOB_RUNNING,
            )

    def is_job(self, job_id: str) -> bool:
        """Whether there is such a job, of whatever tenant."""
        with self._database.read() as connection:
            return bool(self._jobs.tenants_of(connection, [job_id]))

    def _belongs_to_other_tenant(
        self,
        connection: Connection,
        tenant_id: str,
        made: ColumnElement[bool],
        job_ids: Collection[str | None],
        experiment_names: Collection[str],
    ) -> bool:
        jobs = {job_id for job_id in job_ids if job_id is not None}
        owners = (
            _owners(connection, made)
            or self._jobs.tenants_of(connection, jobs)
            or self._jobs.tenants_using(connection, experiment_names)
        )
        return bool(owners) and tenant_id not in owners


def lock_source(
    connection: Connection, tenant_id: str, *, model_uri: str, run_id: str | None, artifact_uri: str
) -> None:
    """Let no other tenant register the same run or files until the transaction ends, and see who has before.

    Raises:
        NotFound: another tenant has, and this one has not.
    """
    if connection.dialect.name == "postgresql":
        for source in sorted({run_id or "", artifact_uri}):
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"modelyard:source:{source}"))))
    owners = _owners(connection, _made_of(run_id, artifact_uri))
    if owners and tenant_id not in owners:
        raise no_model(model_uri)


def _made_in(run_id: str) -> ColumnElement[bool]:
    return versions.c.run_id == run_id


def _made_of(run_id: str | None, artifact_uri: str) -> ColumnElement[bool]:
    is_made = versions.c.artifact_uri == artifact_uri
    return is_made if run_id is None else is_made | _made_in(run_id)


def _owners(connection: Connection, made: ColumnElement[bool]) -> set[str]:
    """Whose versions were made of it, alive, deleted or purged: rows of versions stay."""
    return set(connection.execute(select(versions.c.tenant_id).where(made).distinct()).scalars())
