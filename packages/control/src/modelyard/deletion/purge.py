"""Removes for good what could be restored long enough: files, records, and bundles that nobody uses. In the background.

The tombstone itself stays for ever, and so do the version's number and its audit entries.
"""

from collections.abc import Callable

import structlog
from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deletion import store
from modelyard.deletion.claims import lock_for_deletion
from modelyard.deletion.domain import DeleteMode, Tombstone
from modelyard.deletion.states import VersionState
from modelyard.deployments.service import system_principal
from modelyard.errors import ModelyardError, Unavailable
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import Tracking
from modelyard.registry import deletion_store
from modelyard.registry.deletion_store import Source

logger = structlog.get_logger()

_BATCH = 100


class Purger:
    """One pass looks at every tombstone whose time is over. It holds no state of its own.

    Args:
        sweep: takes away what is left of versions that are deleted, outside of our tables and of the tracker.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        tracking: Tracking,
        sweep: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._tracking = tracking
        self._sweep = sweep

    def make_pass(self) -> bool:
        """One pass in the background. Nothing more is due after it."""
        self.pass_over_due()
        self._sweep()
        return False

    def pass_over_due(self) -> int:
        """Purge what is due. Gives how many tombstones were settled. One that cannot be holds up none behind it."""
        settled = 0
        last: Tombstone | None = None
        while True:
            with self._database.read() as connection:
                due = store.due(connection, self._clock.now(), after=last, limit=_BATCH)
            settled += sum(self._guarded(tombstone) for tombstone in due)
            if len(due) < _BATCH:
                break
            last = due[-1]
        return settled

    def _guarded(self, tombstone: Tombstone) -> bool:
        """One that cannot be purged holds up none of the others."""
        try:
            return self._purge(tombstone)
        except Unavailable:
            raise
        except ModelyardError as exc:
            logger.warning("not purged", subject=tombstone.subject, reason=exc.message)
            return False

    def _purge(self, tombstone: Tombstone) -> bool:
        begun = self._begin(tombstone)
        if begun is None:
            return False
        is_record_gone = self._remove(begun)
        with self._database.write() as connection:
            if not store.move(connection, begun, VersionState.PURGED, settled_at=self._clock.now()):
                return False
            deletion_store.drop_files(connection, begun.tenant_id, begun.model_name, begun.version)
            self._audit.record(
                connection,
                principal=system_principal(begun.tenant_id),
                action="version.purged",
                subject=begun.subject,
                reason=f"deleted by {begun.deleted_by}, and nobody restored it in time",
                after={"files": begun.takes_files, "run": begun.removed_run_id, "is_record_gone": is_record_gone},
            )
        return True

    def _begin(self, tombstone: Tombstone) -> Tombstone | None:
        """From here on it cannot be restored. None when another one still can, that needs the same run or files.

        Those of the same run or files whose time is over too go along, or each would wait for the others.
        """
        if tombstone.state is VersionState.PURGING:
            return tombstone
        now = self._clock.now()
        with self._database.write() as connection:
            lock_for_deletion(connection)
            found = store.find(connection, tombstone)
            if found is None or store.restorable_on(connection, tombstone, now):
                return None
            if found.state is VersionState.DELETED:
                for one in (found, *store.due_with(connection, tombstone, now)):
                    self._begin_one(connection, one)
            begun = store.find(connection, tombstone)
        return begun if begun is not None and begun.state is VersionState.PURGING else None

    @staticmethod
    def _begin_one(connection: Connection, tombstone: Tombstone) -> None:
        is_taken = tombstone.mode is not DeleteMode.NOTHING
        is_used = bool(deletion_store.in_use(connection, Source.FILES, [tombstone.model_uri], besides=()))
        store.move(connection, tombstone, VersionState.PURGING, takes_files=is_taken and not is_used)

    def _remove(self, tombstone: Tombstone) -> bool:
        """Everything outside of our tables. Says whether the tracker's records of it are gone too."""
        if tombstone.takes_files:
            self._tracking.purge_model(tombstone.model_uri)
        is_gone = True
        if tombstone.removed_run_id is not None:
            is_gone = self._tracking.purge_run(tombstone.removed_run_id)
        if tombstone.removed_experiment_id is not None:
            is_gone = self._tracking.purge_experiment(tombstone.removed_experiment_id) and is_gone
        return is_gone
