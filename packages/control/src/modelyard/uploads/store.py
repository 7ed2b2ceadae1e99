"""Reads and writes uploads."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, tuple_, update

from modelyard.db.statements import insert_new
from modelyard.paging import Page, decode_time_cursor, encode_time_cursor
from modelyard.uploads.domain import Upload
from modelyard.uploads.states import UploadStatus
from modelyard.uploads.tables import uploads

_BATCH = 500


def add(connection: Connection, upload: Upload, *, digest: str) -> bool:
    """Insert an open upload, unless its maker has the same one open; says whether it did."""
    return insert_new(
        connection,
        uploads,
        id=upload.upload_id,
        tenant_id=upload.tenant_id,
        model_name=upload.model_name,
        file_name=upload.file_name,
        size=upload.size,
        received=upload.received,
        sha256=upload.sha256,
        request=dict(upload.request),
        digest=digest,
        status=upload.status,
        job_id=None,
        created_by=upload.created_by,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
        open_key=_open_key(upload, digest),
    )


def find_open(connection: Connection, upload: Upload, *, digest: str) -> Upload | None:
    """The open upload of the same maker, of the same file, for the same model."""
    row = connection.execute(select(uploads).where(uploads.c.open_key == _open_key(upload, digest))).first()
    return None if row is None else _upload(row)


def find(connection: Connection, upload_id: str) -> Upload | None:
    """One upload, of any tenant."""
    row = connection.execute(select(uploads).where(uploads.c.id == upload_id)).first()
    return None if row is None else _upload(row)


def living(connection: Connection, upload_ids: Collection[str]) -> set[str]:
    """Those of these uploads that are not closed."""
    found: set[str] = set()
    for batch in _batches(sorted(upload_ids)):
        query = select(uploads.c.id).where(uploads.c.id.in_(batch), uploads.c.status != UploadStatus.CLOSED)
        found.update(connection.execute(query).scalars())
    return found


def lock(connection: Connection, upload_id: str) -> Upload | None:
    """One upload that nobody else changes until the transaction ends."""
    row = connection.execute(select(uploads).where(uploads.c.id == upload_id).with_for_update()).first()
    return None if row is None else _upload(row)


def advance(connection: Connection, upload: Upload, *, received: int, expires_at: datetime) -> bool:
    """Note that more is here, if nobody else did since the upload was read; whether that was so."""
    statement = update(uploads).where(
        uploads.c.id == upload.upload_id,
        uploads.c.received == upload.received,
        uploads.c.status == UploadStatus.OPEN,
    )
    return connection.execute(statement.values(received=received, expires_at=expires_at)).rowcount == 1


def move(connection: Connection, upload_id: str, status: UploadStatus, **values: Any) -> None:
    """Write the status, and let the same file be uploaded anew."""
    statement = update(uploads).where(uploads.c.id == upload_id)
    connection.execute(statement.values(status=status, open_key=None, **values))


def expired(connection: Connection, *, now: datetime, limit: int) -> list[Upload]:
    """Open uploads that nobody went on with."""
    query = select(uploads).where(uploads.c.status == UploadStatus.OPEN, uploads.c.expires_at <= now)
    return [_upload(row) for row in connection.execute(query.order_by(uploads.c.expires_at).limit(limit))]


def open_bytes(connection: Connection, tenant_id: str) -> int:
    """How many bytes the tenant's uploads take or may come to take."""
    query = select(func.coalesce(func.sum(uploads.c.size), 0)).where(
        uploads.c.tenant_id == tenant_id, uploads.c.status != UploadStatus.CLOSED
    )
    return int(connection.execute(query).scalar_one())


def page(
    connection: Connection, tenant_id: str, *, status: UploadStatus | None, limit: int, cursor: str | None
) -> Page[Upload]:
    """Uploads of a tenant, newest first."""
    query = select(uploads).where(uploads.c.tenant_id == tenant_id)
    if status is not None:
        query = query.where(uploads.c.status == status)
    if cursor is not None:
        query = query.where(tuple_(uploads.c.created_at, uploads.c.id) < tuple_(*decode_time_cursor(cursor)))
    query = query.order_by(uploads.c.created_at.desc(), uploads.c.id.desc()).limit(limit + 1)
    rows = connection.execute(query).all()
    items = [_upload(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items, encode_time_cursor(items[-1].created_at, items[-1].upload_id) if more else None)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def _open_key(upload: Upload, digest: str) -> str:
    return f"{upload.tenant_id}/{digest}/{upload.created_by}"


def _upload(row: Row[Any]) -> Upload:
    return Upload(
        upload_id=row.id,
        tenant_id=row.tenant_id,
        model_name=row.model_name,
        file_name=row.file_name,
        size=row.size,
        received=row.received,
        sha256=row.sha256,
        request=row.request,
        status=UploadStatus(row.status),
        job_id=row.job_id,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
