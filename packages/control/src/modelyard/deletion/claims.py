"""Keeps runs that go and versions that come apart: a version is never registered on a run that a deletion takes away.

Registrations share an advisory lock, and a deletion holds it alone. So of a registration and a deletion at once, the
second sees what the first has written.
"""

from sqlalchemy import ColumnElement, Connection, func, select

from modelyard.deletion.states import VersionState
from modelyard.deletion.tables import tombstones
from modelyard.errors import Conflict

_LOCK = "modelyard:runs"
_BACK = (VersionState.ACTIVE, VersionState.RESTORING)


class DeletionClaims:
    """The registry's port `RunClaims`, on the tombstones."""

    def lock_for_registration(
        self, connection: Connection, *, run_id: str | None, experiment_name: str | None, model_uri: str
    ) -> None:
        """Let no run go until the transaction ends, and refuse to build on one that goes or went.

        Raises:
            Conflict: code `run_deleted`, `files_purged` or `experiment_deleting`.
        """
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock_shared(func.hashtext(_LOCK))))
        if run_id is not None and _is_claimed(connection, "removed_run_id", run_id):
            raise Conflict(
                f"run '{run_id}' was deleted with the last version that used it: restore that version first",
                code="run_deleted",
            )
        if _is_claimed(connection, "model_uri", model_uri, tombstones.c.takes_files):
            raise Conflict(
                f"the files of '{model_uri}' were purged with the version that was made of them", code="files_purged"
            )
        if experiment_name is not None and _is_claimed(connection, "claimed_experiment", experiment_name):
            raise Conflict(
                f"experiment '{experiment_name}' is being deleted with the last version that used it: try again later",
                code="experiment_deleting",
            )


def lock_for_deletion(connection: Connection) -> None:
    """Let nobody register a version, in any tenant, until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(_LOCK))))


def _is_claimed(connection: Connection, column: str, value: str, *which: ColumnElement[bool]) -> bool:
    query = select(tombstones.c.job_id).where(tombstones.c[column] == value, tombstones.c.state.not_in(_BACK), *which)
    return connection.execute(query.limit(1)).first() is not None
