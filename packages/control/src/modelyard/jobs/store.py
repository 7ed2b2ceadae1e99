"""Reads and writes jobs."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row, desc, func, select, tuple_, update

from modelyard.db.statements import insert_new
from modelyard.jobs.domain import Job, JobError, JobKind
from modelyard.jobs.states import FINAL, JobStatus
from modelyard.jobs.tables import jobs
from modelyard.paging import Page, decode_time_cursor, encode_time_cursor


class JobStore:
    """Stores jobs. A row has the kind's name; `kinds` maps it to the `JobKind`."""

    def __init__(self, kinds: Mapping[str, JobKind]) -> None:
        self._kinds = kinds

    def add(self, connection: Connection, job: Job, *, idempotency_key: str | None, digest: str) -> bool:
        """Insert a job, unless one with this key is there; says whether it did."""
        return insert_new(
            connection,
            jobs,
            id=job.job_id,
            tenant_id=job.tenant_id,
            kind=job.kind.name,
            status=job.status,
            phase=job.phase,
            model_name=job.model_name,
            request=dict(job.request),
            experiment_name=job.experiment_name,
            result=dict(job.result),
            idempotency_key=idempotency_key,
            request_digest=digest,
            created_by=job.created_by,
            created_at=job.created_at,
            is_cancel_requested=job.is_cancel_requested,
        )

    def find(self, connection: Connection, job_id: str) -> Job | None:
        """The job of this id, in any tenant."""
        row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first()
        return None if row is None else self._job(row)

    def lock(self, connection: Connection, job_id: str) -> Job | None:
        """The job of this id, which nobody else changes until the transaction ends."""
        row = connection.execute(select(jobs).where(jobs.c.id == job_id).with_for_update()).first()
        return None if row is None else self._job(row)

    def find_by_key(self, connection: Connection, tenant_id: str, idempotency_key: str) -> tuple[Job, str] | None:
        """The job that was made with this key, and the digest of its request."""
        row = connection.execute(
            select(jobs).where(jobs.c.tenant_id == tenant_id, jobs.c.idempotency_key == idempotency_key)
        ).first()
        return None if row is None else (self._job(row), row.request_digest)

    def unfinished(self, connection: Connection) -> list[Job]:
        """All jobs that have not ended, oldest first."""
        query = select(jobs).where(jobs.c.status.not_in([str(status) for status in FINAL])).order_by(jobs.c.created_at)
        return [self._job(row) for row in connection.execute(query)]

    def page(
        self,
        connection: Connection,
        tenant_id: str,
        *,
        kind: JobKind | None,
        status: JobStatus | None,
        model_name: str | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Job]:
        """Jobs of a tenant, newest first."""
        query = select(jobs).where(jobs.c.tenant_id == tenant_id)
        for column, value in (
            (jobs.c.kind, None if kind is None else kind.name),
            (jobs.c.status, status),
            (jobs.c.model_name, model_name),
        ):
            if value is not None:
                query = query.where(column == value)
        if cursor is not None:
            query = query.where(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(*decode_time_cursor(cursor)))
        rows = connection.execute(query.order_by(desc(jobs.c.created_at), desc(jobs.c.id)).limit(limit + 1)).all()
        items = [self._job(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(items, encode_time_cursor(items[-1].created_at, items[-1].job_id) if more else None)

    def _job(self, row: Row[Any]) -> Job:
        return Job(
            job_id=row.id,
            tenant_id=row.tenant_id,
            kind=self._kinds[row.kind],
            status=JobStatus(row.status),
            phase=row.phase,
            model_name=row.model_name,
            request=row.request,
            result=row.result,
            error=None if row.error_code is None else JobError(row.error_code, row.error_message),
            created_by=row.created_by,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            is_cancel_requested=row.is_cancel_requested,
            experiment_name=row.experiment_name,
        )


def change(connection: Connection, job_id: str, **values: Any) -> None:
    """Write some columns of a job."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


def find_running(connection: Connection, job_id: str) -> tuple[str, str, str | None] | None:
    """The tenant, the model and the phase of a job that runs."""
    query = select(jobs.c.tenant_id, jobs.c.model_name, jobs.c.phase)
    row = connection.execute(query.where(jobs.c.id == job_id, jobs.c.status == JobStatus.RUNNING)).first()
    return None if row is None else (row.tenant_id, row.model_name, row.phase)


def tenants_of(connection: Connection, job_ids: Collection[str]) -> set[str]:
    """The tenants of the jobs that exist."""
    return set(connection.execute(select(jobs.c.tenant_id).where(jobs.c.id.in_(job_ids))).scalars())


def unfinished_of(connection: Connection, job_ids: Collection[str]) -> set[str]:
    """Those of these jobs that have not ended."""
    query = select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.status.not_in([str(status) for status in FINAL]))
    return set(connection.execute(query).scalars())


def tenants_using(connection: Connection, experiment_names: Collection[str]) -> set[str]:
    """Who has jobs with one of these experiments."""
    query = select(jobs.c.tenant_id).where(jobs.c.experiment_name.in_(experiment_names))
    return set(connection.execute(query.distinct()).scalars())


def count_unfinished(connection: Connection, tenant_id: str) -> int:
    """How many jobs of the tenant have not ended."""
    query = select(func.count()).select_from(jobs)
    return connection.execute(query.where(jobs.c.tenant_id == tenant_id, jobs.c.status.not_in(FINAL))).scalar_one()


def count_by_status(connection: Connection, tenant_id: str) -> dict[str, int]:
    """How many jobs of the tenant are in each status that any is in."""
    query = select(jobs.c.status, func.count()).where(jobs.c.tenant_id == tenant_id).group_by(jobs.c.status)
    return {row[0]: row[1] for row in connection.execute(query)}
