"""Makes jobs, moves them through their life cycle, and lists them. The work of a job is its kind's workflow."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from modelyard.access.limits import lock_quotas
from modelyard.access.quotas import Resource
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, ModelyardError, NotFound
from modelyard.jobs import store
from modelyard.jobs.domain import Job, JobKind, request_digest
from modelyard.jobs.log import AFTER_RUN, JobLog, RunLogs
from modelyard.jobs.states import FINAL, TRANSITIONS, JobStatus
from modelyard.jobs.store import JobStore
from modelyard.paging import Page
from modelyard.plain import plain_text
from modelyard.ports.clock import Clock
from modelyard.ports.job_engine import JobEngine
from modelyard.principals import Principal, Role

logger = structlog.get_logger()

_MESSAGE_LENGTH = 2000


class JobCancelled(Exception):
    """Ends a workflow whose job somebody cancelled."""


class JobService:
    """All jobs of all tenants.

    Args:
        folder: holds a folder for each job.
        at_end: happens in the transaction that ends a job, however it ends.
        run_logs: what the runs of a job wrote.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        engine: JobEngine,
        audit: AuditLog,
        folder: Path,
        kinds: Sequence[JobKind],
        at_end: Callable[[Connection, Job], None],
        run_logs: RunLogs = lambda _: (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._engine = engine
        self._audit = audit
        self._folder = folder
        self._run_logs = run_logs
        self._at_end = at_end
        self.kinds = {kind.name: kind for kind in kinds}
        self._store = JobStore(self.kinds)

    def create(
        self,
        principal: Principal,
        *,
        kind: JobKind,
        model_name: str,
        request: Mapping[str, Any],
        experiment_name: str | None,
        idempotency_key: str | None = None,
        asked: Mapping[str, Any] | None = None,
        alongside: Callable[[Connection, Job], None] = lambda _, __: None,
    ) -> Job:
        """Write the job down and hand it to the engine.

        The same request with the same key is the same job, also when both come at once. `asked` is what was asked for,
        where `request` says what that came to mean (the newest version), which may be another thing later. `alongside`
        writes what shall be true from the moment that the job is there, in the same transaction; when it raises, there
        is no job. `experiment_name` is the tracker's name of the experiment that the job uses, if any: whose the
        runs in it are is decided by that.

        Raises:
            Conflict: code `idempotency_key_reused`, when the key came with another request before, or `quota_exceeded`.
        """
        digest = request_digest(kind, model_name, request if asked is None else asked)
        job = self._new(principal, kind=kind, model_name=model_name, request=request, experiment_name=experiment_name)
        with self._database.write() as connection:
            quotas = lock_quotas(connection, principal.tenant_id)
            if self._store.add(connection, job, idempotency_key=idempotency_key, digest=digest):
                quotas.check(Resource.CONCURRENT_JOBS, lambda: store.count_unfinished(connection, principal.tenant_id))
                self._record(connection, principal, "job.queued", job, after={"kind": kind.name})
                alongside(connection, job)
            else:
                job = self._earlier(connection, principal, idempotency_key, digest)
        # Should we die before this line, `resume` hands it over at the next start.
        if not job.is_final:
            self._engine.submit(job_id=job.job_id, kind=job.kind.name)
        return job

    def resume(self) -> None:
        """Hand every job that has not ended to the engine. Those that it knows already are not begun again."""
        with self._database.read() as connection:
            jobs = self._store.unfinished(connection)
        for job in jobs:
            self._engine.submit(job_id=job.job_id, kind=job.kind.name)

    def get(self, principal: Principal, job_id: str, *, kinds: Collection[JobKind] | None = None) -> Job:
        """A job of the caller's tenant.

        Raises:
            NotFound: code `job_not_found`.
        """
        job = self._find(job_id)
        if job is None or job.tenant_id != principal.tenant_id or (kinds is not None and job.kind not in kinds):
            raise NotFound(f"there is no job '{job_id}'", code="job_not_found")
        return job

    def of_key(self, tenant_id: str, idempotency_key: str) -> Job | None:
        """The job that a tenant made with this key, if there is one."""
        with self._database.read() as connection:
            found = self._store.find_by_key(connection, tenant_id, idempotency_key)
        return None if found is None else found[0]

    def unfinished_of(self, job_ids: Collection[str]) -> set[str]:
        """Those of these jobs that have not ended."""
        with self._database.read() as connection:
            return store.unfinished_of(connection, job_ids)

    def page(
        self,
        principal: Principal,
        *,
        kind: JobKind | None = None,
        status: JobStatus | None = None,
        model_name: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        """Jobs of the caller's tenant, newest first."""
        with self._database.read() as connection:
            return self._store.page(
                connection,
                principal.tenant_id,
                kind=kind,
                status=status,
                model_name=model_name,
                limit=limit,
                cursor=cursor,
            )

    def count_by_status(self, principal: Principal) -> dict[str, int]:
        """How many jobs are in each status."""
        with self._database.read() as connection:
            return store.count_by_status(connection, principal.tenant_id)

    def unfinished_within(self, connection: Connection, tenant_id: str) -> str | None:
        """What of a tenant's jobs has not ended, in words, read in the caller's transaction."""
        count = store.count_unfinished(connection, tenant_id)
        return f"{count} jobs that have not ended" if count else None

    def cancel(self, principal: Principal, job_id: str) -> Job:
        """Ask for the end of a job. One that waits ends at once; one that runs ends as soon as its work can be stopped.

        Raises:
            NotFound: code `job_not_found`.
            Conflict: code `job_finished`.
        """
        self.get(principal, job_id)
        with self._database.write() as connection:
            job = self._locked(connection, job_id)
            if job.is_final:
                raise Conflict(f"job '{job_id}' has already ended: it is {job.status}", code="job_finished")
            if not job.is_cancel_requested:
                store.change(connection, job_id, is_cancel_requested=True)
                self._record(connection, principal, "job.cancel_requested", job)
            if job.status is JobStatus.QUEUED:
                self._move(connection, job, JobStatus.CANCELLED)
            return self._locked(connection, job_id)

    # What workflows call.

    def begin(self, job_id: str) -> Job | None:
        """The job, running; None when there is nothing to do for it any more."""
        with self._database.write() as connection:
            job = self._locked(connection, job_id)
            if job.status is JobStatus.QUEUED:
                self._move(connection, job, JobStatus.RUNNING)
            return None if job.is_final else self._locked(connection, job_id)

    def cancelled(self, job_id: str) -> Job | None:
        """The job, if it ended because somebody asked for it."""
        job = self._find(job_id)
        return job if job is not None and job.status is JobStatus.CANCELLED else None

    def enter(self, job_id: str, phase: str, **result: Any) -> None:
        """Note that the job is at this phase, with what is known by now. A phase that is behind it stays behind it."""
        with self._database.write() as connection:
            job = self._locked(connection, job_id)
            if not job.is_final:
                store.change(connection, job_id, phase=job.further(phase), result={**job.result, **result})

    def succeed(self, job_id: str, **result: Any) -> None:
        """End the job well."""
        self._end(job_id, JobStatus.SUCCEEDED, line="done", result=result)

    def fail(self, job_id: str, error: ModelyardError) -> None:
        """End the job with its reason, which stands in its log too."""
        message = plain_text(error.message)
        fields = {"error_code": error.code, "error_message": message[:_MESSAGE_LENGTH]}
        self._end(job_id, JobStatus.FAILED, line=f"failed: {message}", fields=fields)

    def end_cancelled(self, job_id: str) -> None:
        """End the job because somebody asked for it."""
        self._end(job_id, JobStatus.CANCELLED, line="cancelled")

    def raise_if_cancelled(self, job_id: str) -> None:
        """Raise JobCancelled when somebody asked for the job's end."""
        job = self._find(job_id)
        if job is None or job.is_cancel_requested:
            raise JobCancelled

    def log(self, job_id: str) -> JobLog:
        """The job's log."""
        return JobLog(self._folder / job_id, self._run_logs(job_id))

    def _new(
        self,
        principal: Principal,
        *,
        kind: JobKind,
        model_name: str,
        request: Mapping[str, Any],
        experiment_name: str | None,
    ) -> Job:
        return Job(
            job_id=f"job-{uuid4().hex}",
            tenant_id=principal.tenant_id,
            kind=kind,
            status=JobStatus.QUEUED,
            phase=None,
            model_name=model_name,
            request=request,
            result={},
            error=None,
            created_by=principal.subject,
            created_at=self._clock.now(),
            started_at=None,
            finished_at=None,
            is_cancel_requested=False,
            experiment_name=experiment_name,
        )

    def _earlier(self, connection: Connection, principal: Principal, idempotency_key: str | None, digest: str) -> Job:
        found = None
        if idempotency_key is not None:
            found = self._store.find_by_key(connection, principal.tenant_id, idempotency_key)
        if found is None:
            raise AssertionError("only a job with the same key keeps one from being added")
        job, earlier_digest = found
        if earlier_digest != digest:
            raise Conflict(
                f"the Idempotency-Key was used before, for job '{job.job_id}' with another request",
                code="idempotency_key_reused",
                field="Idempotency-Key",
            )
        return job

    def _end(
        self,
        job_id: str,
        status: JobStatus,
        *,
        line: str,
        result: Mapping[str, Any] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        job = self._find(job_id)
        if job is None or job.is_final:
            return
        # Who follows the log stops reading at the job's end, so the last line stands there before.
        self.log(job_id).write(AFTER_RUN, line)
        with self._database.write() as connection:
            job = self._locked(connection, job_id)
            if not job.is_final:
                store.change(connection, job_id, result={**job.result, **(result or {})}, **(fields or {}))
                self._move(connection, job, status)

    def _move(self, connection: Connection, job: Job, status: JobStatus) -> None:
        """The one place where a job's status changes."""
        if status not in TRANSITIONS[job.status]:
            raise Conflict(f"job '{job.job_id}' cannot go from {job.status} to {status}", code="job_transition_refused")
        stamps: dict[str, Any] = {}
        if status is JobStatus.RUNNING:
            stamps["started_at"] = self._clock.now()
        if status in FINAL:
            stamps["finished_at"] = self._clock.now()
            self._at_end(connection, job)
        store.change(connection, job.job_id, status=status, **stamps)
        before, after = {"status": job.status}, {"status": status}
        self._record(connection, owner_of(job), f"job.{status}", job, before=before, after=after)
        logger.info("job moved", job_id=job.job_id, status=status)

    def _record(
        self,
        connection: Connection,
        principal: Principal,
        action: str,
        job: Job,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        fields = {**(after or {}), "model_name": job.model_name}
        subject = f"jobs/{job.job_id}"
        self._audit.record(connection, principal=principal, action=action, subject=subject, before=before, after=fields)

    def _find(self, job_id: str) -> Job | None:
        with self._database.read() as connection:
            return self._store.find(connection, job_id)

    def _locked(self, connection: Connection, job_id: str) -> Job:
        job = self._store.lock(connection, job_id)
        if job is None:
            raise NotFound(f"there is no job '{job_id}'", code="job_not_found")
        return job


def owner_of(job: Job) -> Principal:
    """Who a job acts for."""
    return Principal(tenant_id=job.tenant_id, subject=job.created_by, role=Role.DEVELOPER)
