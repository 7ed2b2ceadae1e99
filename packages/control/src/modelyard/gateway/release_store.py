"""Reads and writes revisions and releases of APIs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from modelyard.gateway.domain import Answering, Release, ReleaseCause, Revision, Target
from modelyard.gateway.tables import releases, revisions
from modelyard.paging import Page, decode_number_cursor, encode_cursor


def add_revision(connection: Connection, revision: Revision) -> None:
    """Insert a revision."""
    connection.execute(
        insert(revisions).values(
            tenant_id=revision.tenant_id,
            api_id=revision.api_id,
            number=revision.number,
            target=revision.target.to_json(),
            description=revision.description,
            timeout_seconds=revision.timeout_seconds,
            is_online=revision.is_online,
            created_by=revision.created_by,
            created_at=revision.created_at,
        )
    )


def set_online(connection: Connection, revision: Revision, *, is_online: bool) -> None:
    """Let a revision answer behind `;rev=N`, or not."""
    connection.execute(
        update(revisions)
        .where(
            revisions.c.tenant_id == revision.tenant_id,
            revisions.c.api_id == revision.api_id,
            revisions.c.number == revision.number,
        )
        .values(is_online=is_online)
    )


def find_revision(connection: Connection, tenant_id: str, api_id: str, number: int) -> Revision | None:
    """One revision of an API."""
    query = select(revisions).where(
        revisions.c.tenant_id == tenant_id, revisions.c.api_id == api_id, revisions.c.number == number
    )
    row = connection.execute(query).first()
    return None if row is None else revision_of(row)


def revisions_of_api(connection: Connection, tenant_id: str, api_id: str) -> Sequence[Revision]:
    """All revisions of an API, the newest first."""
    query = select(revisions).where(revisions.c.tenant_id == tenant_id, revisions.c.api_id == api_id)
    return [revision_of(row) for row in connection.execute(query.order_by(revisions.c.number.desc()))]


def every_revision(connection: Connection) -> Sequence[Revision]:
    """Those of all APIs of all tenants."""
    return [revision_of(row) for row in connection.execute(select(revisions))]


def add_release(connection: Connection, release: Release) -> None:
    """Insert a release."""
    connection.execute(
        insert(releases).values(
            tenant_id=release.tenant_id,
            api_id=release.api_id,
            id=release.release_id,
            number=release.number,
            cause=release.cause,
            notes=release.notes,
            before=None if release.before is None else release.before.to_json(),
            after=release.after.to_json(),
            created_by=release.created_by,
            created_at=release.created_at,
        )
    )


def find_release(connection: Connection, tenant_id: str, api_id: str, release_id: str) -> Release | None:
    """One release of an API."""
    query = select(releases).where(
        releases.c.tenant_id == tenant_id, releases.c.api_id == api_id, releases.c.id == release_id
    )
    row = connection.execute(query).first()
    return None if row is None else release_of(row)


def latest_releases(connection: Connection, tenant_id: str, api_id: str, *, limit: int) -> Sequence[Release]:
    """The last releases of an API, the newest first."""
    query = select(releases).where(releases.c.tenant_id == tenant_id, releases.c.api_id == api_id)
    return [release_of(row) for row in connection.execute(query.order_by(releases.c.number.desc()).limit(limit))]


def page_of_releases(
    connection: Connection, tenant_id: str, api_id: str, *, limit: int, cursor: str | None
) -> Page[Release]:
    """Releases of an API, the newest first."""
    query = select(releases).where(releases.c.tenant_id == tenant_id, releases.c.api_id == api_id)
    if cursor is not None:
        query = query.where(releases.c.number < decode_number_cursor(cursor))
    rows = connection.execute(query.order_by(releases.c.number.desc()).limit(limit + 1)).all()
    items = [release_of(row) for row in rows[:limit]]
    return Page(items, encode_cursor(str(items[-1].number)) if len(rows) > limit else None)


def revision_of(row: Row[Any]) -> Revision:
    """A row of `gateway_revisions` as the domain knows it."""
    return Revision(
        api_id=row.api_id,
        tenant_id=row.tenant_id,
        number=row.number,
        target=Target.of_json(row.target),
        description=row.description,
        timeout_seconds=row.timeout_seconds,
        is_online=row.is_online,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def release_of(row: Row[Any]) -> Release:
    """A row of `gateway_releases` as the domain knows it."""
    return Release(
        release_id=row.id,
        tenant_id=row.tenant_id,
        api_id=row.api_id,
        number=row.number,
        cause=ReleaseCause(row.cause),
        notes=row.notes,
        before=None if row.before is None else Answering.of_json(row.before),
        after=Answering.of_json(row.after),
        created_by=row.created_by,
        created_at=row.created_at,
    )
