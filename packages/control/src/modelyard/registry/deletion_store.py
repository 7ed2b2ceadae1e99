"""Rows of models and versions on their way out, and back: all in the caller's transaction, and none of it by itself.

A row of a version is never removed: as a tombstone it keeps its number from being used twice (law 2).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Select, delete, false, func, select, update

from modelyard.registry.domain import Version, can_be_a_number
from modelyard.registry.search_index.bitmaps import delete_versions as delete_from_bitmaps
from modelyard.registry.search_index.bitmaps import restore_version as restore_in_bitmaps
from modelyard.registry.states import Stage
from modelyard.registry.store import lock_model as lock_unchanged
from modelyard.registry.store import touch_model, version_of_row
from modelyard.registry.tables import models, version_files, versions

_BATCH = 500


def lock_model(connection: Connection, tenant_id: str, name: str, *, at: datetime) -> None:
    """Lock a model's row until the transaction ends, and record that the model changes."""
    touch_model(connection, tenant_id, name, at=at)


def deleting_model(connection: Connection, tenant_id: str, name: str) -> str | None:
    """The job that is deleting the whole model; None when none is, or when it has."""
    query = select(models.c.deletion_job_id).where(_is_model(tenant_id, name), models.c.deleted_at.is_(None))
    return connection.execute(query).scalar_one_or_none()


def lock_revision(connection: Connection, tenant_id: str, name: str, number: int | None) -> int | None:
    """The same as `revision`, which nobody else changes until the transaction ends."""
    lock_unchanged(connection, tenant_id, name)
    return revision(connection, tenant_id, name, number)


def revision(connection: Connection, tenant_id: str, name: str, number: int | None) -> int | None:
    """The revision of a model, or of its version with this number; None when there is none or it is deleted."""
    is_model = _is_model(tenant_id, name) & models.c.deleted_at.is_(None)
    query = select(models.c.revision).where(is_model)
    if number is not None:
        query = select(versions.c.revision).where(_living(tenant_id, name, number))
    return connection.execute(query).scalar_one_or_none()


def mirror_name(connection: Connection, tenant_id: str, name: str) -> str:
    """What MLflow calls a model that there is or was."""
    name_there: str = connection.execute(select(models.c.mirror_name).where(_is_model(tenant_id, name))).scalar_one()
    return name_there


def is_living_model(connection: Connection, tenant_id: str, name: str) -> bool:
    """Whether there is a model of this name that is not deleted."""
    query = select(models.c.name).where(_is_model(tenant_id, name), models.c.deleted_at.is_(None))
    return connection.execute(query).first() is not None


def living(connection: Connection, tenant_id: str, name: str, number: int | None, *, most: int) -> list[Version]:
    """The first versions of a model that are not deleted, or the one with this number; oldest first."""
    query = select(versions).where(_living(tenant_id, name, number)).order_by(versions.c.version)
    return [version_of_row(row) for row in connection.execute(query.limit(most))]


def count_living(connection: Connection, tenant_id: str, name: str, number: int | None) -> int:
    """How many versions of a model are not deleted, or whether the one with this number is not."""
    query = select(func.count()).select_from(versions).where(_living(tenant_id, name, number))
    return connection.execute(query).scalar_one()


def in_production(connection: Connection, tenant_id: str, name: str, number: int | None) -> Version | None:
    """The model's version in production, if it is part of this."""
    query = select(versions).where(_living(tenant_id, name, number), versions.c.stage == Stage.PRODUCTION)
    row = connection.execute(query).first()
    return None if row is None else version_of_row(row)


def leaving_otherwise(
    connection: Connection, tenant_id: str, name: str, number: int | None, *, job_id: str | None, most: int
) -> tuple[list[Version], int]:
    """The first versions that another job deletes, and how many they are."""
    which = _living(tenant_id, name, number) & versions.c.deletion_job_id.is_not(None)
    if job_id is not None:
        which &= versions.c.deletion_job_id != job_id
    query = select(versions).where(which).order_by(versions.c.version).limit(most)
    count = connection.execute(select(func.count()).select_from(versions).where(which)).scalar_one()
    return [version_of_row(row) for row in connection.execute(query)], count


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


def marked_by(connection: Connection, job_id: str, *, after: int = 0, most: int) -> list[Version]:
    """The first versions, of those after a number, that this job deletes and has not deleted yet; oldest first."""
    query = select(versions).where(_marked(job_id), versions.c.version > after).order_by(versions.c.version)
    return [version_of_row(row) for row in connection.execute(query.limit(most))]


def count_marked(connection: Connection, job_id: str) -> int:
    """How many versions this job deletes and has not deleted yet."""
    return connection.execute(select(func.count()).select_from(versions).where(_marked(job_id))).scalar_one()


def is_deletion_begun(connection: Connection, version: Version) -> bool:
    """Whether the job that deletes this version has deleted some already, so that nothing stops it any more."""
    if version.deletion_job_id is None:
        return False
    mine = (versions.c.deletion_job_id == version.deletion_job_id) & versions.c.deleted_at.is_not(None)
    return connection.execute(select(versions.c.version).where(mine).limit(1)).first() is not None


def unmark(connection: Connection, job_id: str) -> None:
    """The job deletes nothing any more: what it has not deleted is there to stay."""
    for table in (models, versions):
        mine = (table.c.deletion_job_id == job_id) & table.c.deleted_at.is_(None)
        connection.execute(update(table).where(mine).values(deletion_job_id=None))


def delete_versions(connection: Connection, some: Collection[Version], *, at: datetime) -> None:
    """Turn versions of one model into tombstones."""
    connection.execute(update(versions).where(_among(some)).values(deleted_at=at))
    if some:
        one = next(iter(some))
        delete_from_bitmaps(connection, one.tenant_id, one.model_name, [version.version for version in some])


def delete_model(connection: Connection, job_id: str, *, at: datetime) -> bool:
    """Turn the model that the job has marked into a tombstone; says whether there was one."""
    mine = (models.c.deletion_job_id == job_id) & models.c.deleted_at.is_(None)
    return connection.execute(update(models).where(mine).values(deleted_at=at)).rowcount == 1


def restore(connection: Connection, version: Version, *, at: datetime) -> None:
    """Take a version back from its tombstone, and its model if that is deleted too."""
    back = {"deletion_job_id": None, "deleted_at": None}
    is_it = _of_model(version.tenant_id, version.model_name) & (versions.c.version == version.version)
    connection.execute(update(versions).where(is_it).values(revision=versions.c.revision + 1, **back))
    restore_in_bitmaps(connection, version.tenant_id, version.model_name, version.version)
    is_dead = _is_model(version.tenant_id, version.model_name) & models.c.deleted_at.is_not(None)
    connection.execute(update(models).where(is_dead).values(updated_at=at, **back))


def drop_files(connection: Connection, tenant_id: str, name: str, number: int) -> None:
    """Forget the list of a version's files; its digest stays in its row."""
    is_its = (version_files.c.tenant_id == tenant_id) & (version_files.c.model_name == name)
    connection.execute(delete(version_files).where(is_its, version_files.c.version == number))


class Source(StrEnum):
    """What versions are made of, by the column that names it."""

    RUN = "run_id"
    EXPERIMENT = "experiment_name"
    FILES = "model_uri"


def in_use(
    connection: Connection, source: Source, values: Collection[str], *, besides: Collection[Version]
) -> set[str]:
    """Those of these sources that versions use which are not deleted, of any tenant, but for some of one model."""
    column = versions.c[source]
    found: set[str] = set()
    for batch in _batches(values):
        query = select(column).where(column.in_(batch), versions.c.deleted_at.is_(None), ~_among(besides))
        found.update(connection.execute(query.distinct()).scalars())
    return found


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the sources of a subject: how many go with it and how many others use, and the first of each, by name."""

    gone: Sequence[str]
    gone_count: int
    used: Mapping[str, Version]
    """By name, a version that uses it."""
    used_count: int


def shares(
    connection: Connection, source: Source, tenant_id: str, name: str, number: int | None, *, most: int
) -> Shares:
    """Compare the sources of a model, or of one version, with those of all other versions, inside the database."""
    column = versions.c[source]
    mine, others = (
        _living(tenant_id, name, number),
        versions.c.deleted_at.is_(None) & ~_is_part(tenant_id, name, number),
    )
    own = select(column).where(mine, column.is_not(None)).distinct()
    used = select(column).where(others, column.in_(own)).distinct()
    gone = own.where(column.not_in(used))
    return Shares(
        gone=list(connection.execute(gone.order_by(column).limit(most)).scalars()),
        gone_count=_count(connection, gone),
        used={
            value: version_of_row(connection.execute(select(versions).where(others, column == value).limit(1)).one())
            for value in connection.execute(used.order_by(column).limit(most)).scalars()
        },
        used_count=_count(connection, used),
    )


def lone_files(
    connection: Connection, tenant_id: str, name: str, number: int | None, *, most: int
) -> tuple[list[Version], int, int]:
    """The versions whose files nobody else uses: the first of them, how many there are, and the bytes of all."""
    others = versions.c.deleted_at.is_(None) & ~_is_part(tenant_id, name, number)
    own = select(versions.c.model_uri).where(_living(tenant_id, name, number))
    used = select(versions.c.model_uri).where(others, versions.c.model_uri.in_(own))
    lone = _living(tenant_id, name, number) & versions.c.model_uri.not_in(used)
    first = connection.execute(select(versions).where(lone).order_by(versions.c.version).limit(most))
    count, size = connection.execute(
        select(func.count(), func.coalesce(func.sum(versions.c.size), 0)).where(lone)
    ).one()
    return [version_of_row(row) for row in first], count, int(size)


def _marked(job_id: str) -> ColumnElement[bool]:
    return (versions.c.deletion_job_id == job_id) & versions.c.deleted_at.is_(None)


def _count(connection: Connection, query: Select[tuple[str]]) -> int:
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def _living(tenant_id: str, name: str, number: int | None) -> ColumnElement[bool]:
    return _is_part(tenant_id, name, number) & versions.c.deleted_at.is_(None)


def _is_part(tenant_id: str, name: str, number: int | None) -> ColumnElement[bool]:
    """Whether a row is the version with this number, or without one any of the model."""
    if number is None:
        return _of_model(tenant_id, name)
    return _of_model(tenant_id, name) & (versions.c.version == number) if can_be_a_number(number) else false()


def _among(some: Collection[Version]) -> ColumnElement[bool]:
    if not some:
        return false()
    one = next(iter(some))
    return _of_model(one.tenant_id, one.model_name) & versions.c.version.in_([version.version for version in some])


def _batches(values: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _BATCH):
        yield ordered[start : start + _BATCH]


def _of_model(tenant_id: str, name: str) -> ColumnElement[bool]:
    return (versions.c.tenant_id == tenant_id) & (versions.c.model_name == name)


def _is_model(tenant_id: str, name: str) -> ColumnElement[bool]:
    return (models.c.tenant_id == tenant_id) & (models.c.name == name)
