"""Reads and writes bundles and locks."""

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from modelyard.db.statements import insert_new
from modelyard.packaging.domain import Bundle
from modelyard.packaging.tables import bundles, locks


def add_lock(connection: Connection, *, digest: str, text: str, at: datetime) -> None:
    """Insert the lock if it is not there."""
    insert_new(connection, locks, digest=digest, text=text, created_at=at)


def find_lock(connection: Connection, digest: str) -> str | None:
    """The text of a lock."""
    return connection.execute(select(locks.c.text).where(locks.c.digest == digest)).scalar_one_or_none()


def put_bundle(connection: Connection, tenant_id: str, bundle: Bundle) -> None:
    """Write down the bundle of a version, in place of one that was lost."""
    key = {"tenant_id": tenant_id, "model_name": bundle.model_name, "version": bundle.version}
    what = {
        "path": str(bundle.path),
        "manifest_digest": bundle.manifest_digest,
        "runtime": bundle.runtime,
        "lock_digest": bundle.lock_digest,
        "python": str(bundle.python),
        "compilation": bundle.compilation,
        "profile": bundle.profile,
        "created_at": bundle.created_at,
    }
    if not insert_new(connection, bundles, **key, **what):
        connection.execute(update(bundles).filter_by(**key).values(**what))


def remove_bundle(connection: Connection, tenant_id: str, model_name: str, version: int) -> None:
    """Forget the bundle of a version."""
    key = {"tenant_id": tenant_id, "model_name": model_name, "version": version}
    connection.execute(delete(bundles).filter_by(**key))


def find_bundle(connection: Connection, tenant_id: str, model_name: str, version: int) -> Bundle | None:
    """The bundle of a version."""
    row = connection.execute(
        select(bundles).where(
            bundles.c.tenant_id == tenant_id, bundles.c.model_name == model_name, bundles.c.version == version
        )
    ).first()
    return None if row is None else _bundle(row)


def count_bundles(connection: Connection, tenant_id: str, model_name: str) -> int:
    """How many versions of a model have a bundle."""
    query = select(func.count()).select_from(bundles).filter_by(tenant_id=tenant_id, model_name=model_name)
    return connection.execute(query).scalar_one()


def bundles_of(connection: Connection, tenant_id: str, model_name: str, *, limit: int) -> list[Bundle]:
    """The bundles of a model, by version."""
    query = select(bundles).filter_by(tenant_id=tenant_id, model_name=model_name)
    return [_bundle(row) for row in connection.execute(query.order_by(bundles.c.version).limit(limit))]


def _bundle(row: Row[Any]) -> Bundle:
    return Bundle(
        model_name=row.model_name,
        version=row.version,
        path=Path(row.path),
        manifest_digest=row.manifest_digest,
        runtime=row.runtime,
        lock_digest=row.lock_digest,
        python=Path(row.python),
        compilation=row.compilation,
        profile=row.profile,
        created_at=row.created_at,
    )
