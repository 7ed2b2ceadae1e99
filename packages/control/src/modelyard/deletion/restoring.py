"""Takes versions back from their tombstones, as long as nothing of them was purged."""

from sqlalchemy import Connection

from modelyard.access.limits import lock_quotas
from modelyard.access.quotas import Resource
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deletion import store
from modelyard.deletion.claims import lock_for_deletion
from modelyard.deletion.domain import Subject, Tombstone
from modelyard.deletion.states import TRANSITIONS, VersionState
from modelyard.errors import Conflict, NotFound
from modelyard.jobs.service import JobService
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import Tracking
from modelyard.principals import Principal
from modelyard.registry import deletion_store
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover

_GONE = (VersionState.PURGING, VersionState.PURGED)


class Restoring:
    """The way back. Its steps are a state, the tracker, and the tables; after a crash the same call finishes it."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        jobs: JobService,
        registry: RegistryService,
        mover: StageMover,
        tracking: Tracking,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._jobs = jobs
        self._registry = registry
        self._mover = mover
        self._tracking = tracking

    def tombstones(
        self, principal: Principal, model_name: str, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Tombstone]:
        """What is left of a model's deleted versions, the oldest version first.

        Raises:
            Invalid: code `cursor_invalid`.
        """
        with self._database.read() as connection:
            return store.page(connection, principal.tenant_id, model_name, limit=limit, cursor=cursor)

    def restore(self, principal: Principal, subject: Subject, *, reason: str) -> Version:
        """Bring a deleted version back as it was, with its run and experiment; it is not deployed again.

        Raises:
            NotFound: code `tombstone_not_found`, when no such version was deleted.
            Conflict: code `deletion_under_way`, `purged`, `model_deleting` or `quota_exceeded`.
            Unavailable: the tracker does not answer.
        """
        tombstone = self._begin(principal, subject)
        if tombstone.run_id is not None:
            self._restore_run(tombstone.run_id)
        return self._finish(principal, subject, tombstone, reason=reason)

    def _begin(self, principal: Principal, subject: Subject) -> Tombstone:
        with self._database.write() as connection:
            lock_for_deletion(connection)
            tombstone = store.lock_current(connection, subject)
            if tombstone is None:
                raise NotFound(f"there is no deleted {subject.title}", code="tombstone_not_found")
            if not self._jobs.get(principal, tombstone.job_id).is_final:
                raise Conflict(
                    f"job '{tombstone.job_id}' is still deleting {subject.title}: wait for its end, then restore it",
                    code="deletion_under_way",
                )
            if tombstone.state is not VersionState.RESTORING:
                self._check(connection, subject, tombstone)
                store.move(connection, tombstone, VersionState.RESTORING)
        return tombstone

    def _check(self, connection: Connection, subject: Subject, tombstone: Tombstone) -> None:
        went_with = [] if tombstone.run_id is None else store.with_removed_run(connection, [tombstone.run_id])
        is_over = tombstone.state is VersionState.DELETED and tombstone.purge_after <= self._clock.now()
        allowed = VersionState.RESTORING in TRANSITIONS[tombstone.state]
        if not allowed or is_over or any(one.state in _GONE for one in went_with):
            raise Conflict(
                f"{subject.title} could be restored until {tombstone.purge_after:%Y-%m-%d %H:%M} UTC: its files are "
                "gone, or are just being removed",
                code="purged",
            )

    def _restore_run(self, run_id: str) -> None:
        """Bring the run back if it went with a version, and put those aside again that came with its experiment."""
        with self._database.read() as connection:
            if not store.with_removed_run(connection, [run_id]):
                return
        others = self._tracking.restore_run(run_id)
        with self._database.read() as connection:
            aside = {one.removed_run_id for one in store.with_removed_run(connection, others)}
        for other in sorted(aside - {None, run_id}, key=str):
            self._tracking.delete_run(str(other))

    def _finish(self, principal: Principal, subject: Subject, tombstone: Tombstone, *, reason: str) -> Version:
        experiment_id = None if tombstone.run_id is None else self._tracking.experiment_of(tombstone.run_id)
        with self._database.write() as connection:
            quotas = lock_quotas(connection, subject.tenant_id)
            deletion_store.lock_model(connection, subject.tenant_id, subject.model_name, at=self._clock.now())
            if (job_id := deletion_store.deleting_model(connection, subject.tenant_id, subject.model_name)) is not None:
                raise Conflict(
                    f"model '{subject.model_name}' is being deleted by job '{job_id}'", code="model_deleting"
                )
            lock_for_deletion(connection)
            current = store.lock_current(connection, subject)
            version = deletion_store.find_deleted(connection, subject.tenant_id, subject.model_name, tombstone.version)
            if (
                current is None
                or version is None
                or not store.move(connection, current, VersionState.ACTIVE, settled_at=self._clock.now())
            ):
                return self._registry.version_within(connection, principal, subject.model_name, tombstone.version)
            store.give_back(connection, run_id=tombstone.run_id, experiment_id=experiment_id)
            deletion_store.restore(connection, version, at=self._clock.now())
            quotas.check(Resource.MODELS, lambda: self._registry.count_within(connection, subject.tenant_id)[0])
            quotas.check(Resource.VERSIONS, lambda: self._registry.count_within(connection, subject.tenant_id)[1])
            self._audit.record(
                connection,
                principal=principal,
                action="version.restored",
                subject=subject.path,
                reason=reason,
                before={"deleted_at": tombstone.deleted_at.isoformat(), "mode": tombstone.mode.title},
                after={"stage": version.stage},
            )
            self._mover.announce(connection, version)
            return self._registry.version_within(connection, principal, subject.model_name, tombstone.version)
