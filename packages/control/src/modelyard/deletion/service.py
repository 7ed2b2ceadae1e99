"""Asks for deletions, and writes their tombstones. What a deletion does outside of our tables is its workflow's."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deletion import store
from modelyard.deletion.claims import lock_for_deletion
from modelyard.deletion.domain import DeleteMode, Plan, Sources, Subject, Tombstone, refuse_blocked
from modelyard.deletion.kinds import DELETION
from modelyard.deletion.planning import Planner
from modelyard.deployments.service import DeploymentService
from modelyard.errors import Conflict, Forbidden
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService, owner_of
from modelyard.mirror.service import MirrorService
from modelyard.ports.clock import Clock
from modelyard.principals import Permission, Principal
from modelyard.registry import deletion_store
from modelyard.registry.domain import Version
from modelyard.revision import check_revision

Numbered = TypeVar("Numbered", Tombstone, Version)
_BATCH = 500
"""Versions that one transaction deletes, so that others who write wait for a moment only."""


class DeletionService:
    """Deletions of all tenants. A version can be restored for `grace` after it was deleted."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        jobs: JobService,
        planner: Planner,
        deployments: DeploymentService,
        mirror: MirrorService,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._jobs = jobs
        self._planner = planner
        self._deployments = deployments
        self._mirror = mirror
        self._grace = grace

    def plan(self, principal: Principal, subject: Subject, mode: DeleteMode, *, undeploys: bool) -> Plan:
        """What a deletion would do now. Nothing is changed.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        return self._planner.plan(principal, subject, mode, undeploys=undeploys)

    def delete(
        self,
        principal: Principal,
        subject: Subject,
        mode: DeleteMode,
        *,
        undeploys: bool,
        reason: str,
        revision: int | None = None,
    ) -> Job:
        """A job that deletes it. Asked again while it is under way: the same job, whatever revision was seen.

        Raises:
            Precondition: code `revision_changed`, when `revision` is given and is not the subject's any more.
            NotFound: code `model_not_found` or `version_not_found`.
            Conflict: code `deletion_blocked`; the sentence names every blocker.
            Forbidden: code `permission_missing`, when something is deployed that the caller may not undeploy.
        """
        request = {"version": subject.version, "mode": int(mode), "undeploys": undeploys, "reason": reason}
        if (earlier := self._under_way(principal, subject, mode)) is not None:
            return earlier
        with self._database.read() as connection:
            self._planner.revision(connection, subject)  # What is not there, or could not be, makes no job.

        def mark(connection: Connection, job: Job) -> None:
            found = self._planner.revision(connection, subject, holds=True)
            check_revision(revision, found, subject=subject.path)
            self._mark(connection, principal, subject, job)

        try:
            return self._jobs.create(
                principal,
                kind=DELETION,
                model_name=subject.model_name,
                request=request,
                alongside=mark,
                experiment_name=None,
            )
        except Conflict:
            # Of two concurrent requests, the second gets the first one's job.
            if (earlier := self._under_way(principal, subject, mode)) is not None:
                return earlier
            raise

    # What the workflow calls.

    def delete_batch(self, job: Job) -> int:
        """Write the tombstones of the next versions that the job deletes, which compares them once more.

        The first of these transactions is the point of no return; what would stop the job is asked for there, and
        kept from coming after it. Gives how many versions are left.

        Raises:
            Conflict: code `deletion_blocked`, when something stops it that was not there when it was asked for.
        """
        subject, mode, now = subject_of(job), DeleteMode(job.request["mode"]), self._clock.now()
        with self._database.write() as connection:
            deletion_store.lock_model(connection, subject.tenant_id, subject.model_name, at=now)
            lock_for_deletion(connection)
            versions = deletion_store.marked_by(connection, job.job_id, most=_BATCH)
            if versions and not store.count_of_job(connection, job.job_id):
                refuse_blocked(subject.title, self._planner.blockers(connection, subject, job_id=job.job_id))
            sources = self._planner.sources(connection, versions, mode)
            for version in versions:
                self._delete_version(connection, job, version, sources)
            deletion_store.delete_versions(connection, versions, at=now)
            left = deletion_store.count_marked(connection, job.job_id)
            if left == 0 and deletion_store.delete_model(connection, job.job_id, at=now):
                self._audit.record(
                    connection,
                    principal=owner_of(job),
                    action="model.deleted",
                    subject=subject.path,
                    reason=job.request["reason"],
                    before={"versions": store.count_of_job(connection, job.job_id)},
                    after={"mode": mode.title},
                )
            return left

    def count_deleted(self, job: Job) -> int:
        """How many versions the job has deleted."""
        with self._database.read() as connection:
            return store.count_of_job(connection, job.job_id)

    def tombstones(self, job: Job) -> Iterator[Tombstone]:
        """What the job has deleted, oldest version first, in constant memory."""

        def read(after: int) -> Sequence[Tombstone]:
            with self._database.read() as connection:
                return store.of_job(connection, job.job_id, after=after, limit=_BATCH)

        return _by_version(read)

    def marked(self, job: Job) -> Iterator[Version]:
        """What the job deletes and has not deleted yet, in constant memory."""

        def read(after: int) -> Sequence[Version]:
            with self._database.read() as connection:
                return deletion_store.marked_by(connection, job.job_id, after=after, most=_BATCH)

        return _by_version(read)

    def settle_experiment(self, tombstone: Tombstone, removed_id: str | None) -> None:
        """Note that an experiment was removed with this version, or that it stays. From now on no version waits."""
        with self._database.write() as connection:
            store.change(connection, tombstone, claimed_experiment=None, removed_experiment_id=removed_id)

    def give_up(self, job: Job) -> None:
        """Let go of all that a job that failed or was cancelled has not deleted."""
        with self._database.write() as connection:
            deletion_store.lock_model(connection, job.tenant_id, job.model_name, at=self._clock.now())
            for version in _by_version(
                lambda after: deletion_store.marked_by(connection, job.job_id, after=after, most=_BATCH)
            ):
                self._audit.record(
                    connection,
                    principal=owner_of(job),
                    action="version.deletion_given_up",
                    subject=version.subject,
                    reason=f"job '{job.job_id}' did not come so far",
                )
            deletion_store.unmark(connection, job.job_id)
            store.drop_claims(connection, job.job_id)

    def _mark(self, connection: Connection, principal: Principal, subject: Subject, job: Job) -> None:
        deletion_store.lock_model(connection, subject.tenant_id, subject.model_name, at=self._clock.now())
        blockers = self._planner.blockers(connection, subject)
        deployed = self._deployments.of_version(connection, principal, subject.model_name, subject.version)
        if deployed and not job.request["undeploys"]:
            blockers += self._planner.deployed(deployed)
        refuse_blocked(subject.title, blockers)
        if deployed and not principal.may(Permission.DEPLOYMENTS_WRITE):
            raise Forbidden(
                f"{subject.title} is deployed, and undeploying it needs the permission "
                f"'{Permission.DEPLOYMENTS_WRITE}', which {principal.title} does not have",
                code="permission_missing",
            )
        if subject.version is None:
            deletion_store.mark_model(connection, subject.tenant_id, subject.model_name, job_id=job.job_id)
        deletion_store.mark_versions(
            connection, subject.tenant_id, subject.model_name, subject.version, job_id=job.job_id
        )
        self._audit.record(
            connection,
            principal=principal,
            action="model.deletion_requested" if subject.version is None else "version.deletion_requested",
            subject=subject.path,
            reason=job.request["reason"],
            after={"mode": DeleteMode(job.request["mode"]).title, "job_id": job.job_id},
        )

    def _delete_version(self, connection: Connection, job: Job, version: Version, sources: Sources) -> None:
        now = self._clock.now()
        mode = DeleteMode(job.request["mode"])
        removed = version.run_id if version.run_id in sources.runs else None
        claimed = version.experiment_name if version.experiment_name in sources.experiments else None
        store.add(
            connection,
            version,
            job_id=job.job_id,
            mode=mode,
            at=now,
            by=job.created_by,
            purge_after=now + self._grace,
            removed_run_id=removed,
            claimed_experiment=claimed,
        )
        if mode is DeleteMode.NOTHING:
            self._mirror.release(connection, version.tenant_id, version.model_name, version.version)
        self._audit.record(
            connection,
            principal=owner_of(job),
            action="version.deleted",
            subject=version.subject,
            reason=job.request["reason"],
            before={"stage": version.stage, "manifest": version.manifest_digest, "run_id": version.run_id},
            after={"mode": mode.title, "removed_run": removed},
        )

    def _under_way(self, principal: Principal, subject: Subject, mode: DeleteMode) -> Job | None:
        """The job that deletes exactly this already."""
        with self._database.read() as connection:
            if subject.version is None:
                job_id = deletion_store.deleting_model(connection, subject.tenant_id, subject.model_name)
            else:
                found = deletion_store.living(
                    connection, subject.tenant_id, subject.model_name, subject.version, most=1
                )
                job_id = found[0].deletion_job_id if found else None
        if job_id is None:
            return None
        job = self._jobs.get(principal, job_id)
        is_same = (job.request["version"], job.request["mode"]) == (subject.version, mode)
        return job if is_same else None


def _by_version(read: Callable[[int], Sequence[Numbered]]) -> Iterator[Numbered]:
    """All that `read` gives, batch by batch: each time what comes after a version, in the order of the versions."""
    after = 0
    while batch := read(after):
        yield from batch
        after = batch[-1].version


def subject_of(job: Job) -> Subject:
    """What a deletion's job deletes."""
    return Subject(job.tenant_id, job.model_name, job.request["version"])
