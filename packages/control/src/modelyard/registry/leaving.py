"""Rows of models and versions on their way out, and back: all in the caller's transaction, and none of it by itself.

A row of a version is never removed: as a tombstone it keeps its number from being used twice (law 2).
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, delete, select, update

from modelyard.registry.domain import Version, can_be_a_number
from modelyard.registry.store import touch_model, version_of_row
from modelyard.registry.tables import models, version_files, versions

_BATCH = 500


def hold_model(connection: Connection, tenant_id: str, name: str, *, at: datetime) -> None:
    """Hold a model's row until the transaction ends, and note that something of it changes."""
    touch_model(connection, tenant_id, name, at=at)


def deleting_model(connection: Connection, tenant_id: str, name: str) -> str | None:
    """The job that is deleting the whole model; None when none is, or when it has."""
    query = select(models.c.deletion_job_id).where(_is_model(tenant_id, name), models.c.deleted_at.is_(None))
    return connection.execute(query).scalar_one_or_none()


def is_living_model(connection: Connection, tenant_id: str, name: str) -> bool:
    """Whether there is a model of this name that is not deleted."""
    query = select(models.c.name).where(_is_model(tenant_id, name), models.c.deleted_at.is_(None))
    return connection.execute(query).first() is not None


def living(connection: Connection, tenant_id: str, name: str, number: int | None = None) -> list[Version]:
    """The versions of a model that are not deleted, or the one with this number; oldest first."""
    query = select(versions).where(_of_model(tenant_id, name), versions.c.deleted_at.is_(None))
    if number is not None and not can_be_a_number(number):
        return []
    if number is not None:
        query = query.where(versions.c.version == number)
    return [version_of_row(row) for row in connection.execute(query.order_by(versions.c.version))]


def find_deleted(connection: Connection, tenant_id: str, name: str, number: int) -> Version | None:
    """The version behind a tombstone."""
    if not can_be_a_number(number):
        return None
    query = select(versions).where(
        _of_model(tenant_id, name), versions.c.version == number, versions.c.deleted_at.is_not(None)
    )
    row = connection.execute(query).first()
    return None if row is None else version_of_row(row)


def is_deleted(connection: Connection, tenant_id: str, name: str, number: int) -> bool:
    """Whether the version was deleted, and not restored."""
    return find_deleted(connection, tenant_id, name, number) is not None


def mark_versions(connection: Connection, tenant_id: str, name: str, number: int | None, *, job_id: str) -> None:
    """From now on nothing new begins with the version, or with any version of the model. Who read them reads again."""
    statement = update(versions).where(_of_model(tenant_id, name), versions.c.deleted_at.is_(None))
    if number is not None:
        statement = statement.where(versions.c.version == number)
    connection.execute(statement.values(deletion_job_id=job_id, revision=versions.c.revision + 1))


def mark_model(connection: Connection, tenant_id: str, name: str, *, job_id: str) -> None:
    """From now on the model takes no new version."""
    connection.execute(update(models).where(_is_model(tenant_id, name)).values(deletion_job_id=job_id))


def marked_by(connection: Connection, job_id: str) -> list[Version]:
    """The versions that this job deletes and has not deleted yet, oldest first."""
    query = select(versions).where(versions.c.deletion_job_id == job_id, versions.c.deleted_at.is_(None))
    return [version_of_row(row) for row in connection.execute(query.order_by(versions.c.version))]


def unmark(connection: Connection, job_id: str) -> None:
    """The job deletes nothing any more: what it has not deleted is there to stay."""
    for table in (models, versions):
        mine = (table.c.deletion_job_id == job_id) & table.c.deleted_at.is_(None)
        connection.execute(update(table).where(mine).values(deletion_job_id=None))


def bury(connection: Connection, job_id: str, *, at: datetime) -> bool:
    """Turn all that the job has marked into tombstones; says whether the model itself is among it."""
    for table in (versions, models):
        mine = (table.c.deletion_job_id == job_id) & table.c.deleted_at.is_(None)
        changed = connection.execute(update(table).where(mine).values(deleted_at=at)).rowcount
    return changed == 1


def revive(connection: Connection, version: Version, *, at: datetime) -> None:
    """Take a version back from its tombstone, and its model if that is deleted too."""
    back = {"deletion_job_id": None, "deleted_at": None}
    is_it = _of_model(version.tenant_id, version.model_name) & (versions.c.version == version.version)
    connection.execute(update(versions).where(is_it).values(revision=versions.c.revision + 1, **back))
    is_dead = _is_model(version.tenant_id, version.model_name) & models.c.deleted_at.is_not(None)
    connection.execute(update(models).where(is_dead).values(updated_at=at, **back))


def drop_files(connection: Connection, tenant_id: str, name: str, number: int) -> None:
    """Forget the list of a version's files; its digest stays in its row."""
    is_its = (version_files.c.tenant_id == tenant_id) & (version_files.c.model_name == name)
    connection.execute(delete(version_files).where(is_its, version_files.c.version == number))


def users_of_runs(
    connection: Connection, run_ids: Collection[str], *, besides: Collection[str]
) -> Mapping[str, Version]:
    """For each run that versions use that are not deleted, of any tenant, one of them; `besides` are their `key`s."""
    return _users(connection, versions.c.run_id, run_ids, besides)


def users_of_experiments(
    connection: Connection, names: Collection[str], *, besides: Collection[str]
) -> Mapping[str, Version]:
    """The same for experiments."""
    return _users(connection, versions.c.experiment_name, names, besides)


def users_of_files(connection: Connection, uris: Collection[str], *, besides: Collection[str]) -> Mapping[str, Version]:
    """The same for the addresses of logged models."""
    return _users(connection, versions.c.model_uri, uris, besides)


def _users(
    connection: Connection, column: ColumnElement[str], values: Collection[str], besides: Collection[str]
) -> Mapping[str, Version]:
    found: dict[str, Version] = {}
    for batch in _batches(values):
        query: Select[tuple[object, ...]] = select(versions).where(column.in_(batch), versions.c.deleted_at.is_(None))
        for row in connection.execute(query):
            version = version_of_row(row)
            if version.key not in besides:
                found.setdefault(getattr(row, column.key or ""), version)
    return found


def _batches(values: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _BATCH):
        yield ordered[start : start + _BATCH]


def _of_model(tenant_id: str, name: str) -> ColumnElement[bool]:
    return (versions.c.tenant_id == tenant_id) & (versions.c.model_name == name)


def _is_model(tenant_id: str, name: str) -> ColumnElement[bool]:
    return (models.c.tenant_id == tenant_id) & (models.c.name == name)
