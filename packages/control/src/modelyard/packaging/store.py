"""Reads and writes bundles and locks."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, insert, select

from modelyard.packaging.domain import Bundle
from modelyard.packaging.tables import bundles, locks


def add_lock(connection: Connection, *, digest: str, text: str, at: datetime) -> None:
    """Insert the lock if it is not there."""
    if connection.execute(select(locks.c.digest).where(locks.c.digest == digest)).first() is None:
        connection.execute(insert(locks).values(digest=digest, text=text, created_at=at))


def find_lock(connection: Connection, digest: str) -> str | None:
    """The text of a lock."""
    return connection.execute(select(locks.c.text).where(locks.c.digest == digest)).scalar_one_or_none()


def add_bundle(connection: Connection, tenant_id: str, bundle: Bundle, *, at: datetime) -> None:
    """Insert the bundle if the version has none yet."""
    if find_bundle(connection, tenant_id, bundle.model_name, bundle.version) is not None:
        return
    connection.execute(
        insert(bundles).values(
            tenant_id=tenant_id,
            model_name=bundle.model_name,
            version=bundle.version,
            path=str(bundle.path),
            manifest_digest=bundle.manifest_digest,
            runtime=bundle.runtime,
            lock_digest=bundle.lock_digest,
            python=str(bundle.python),
            created_at=at,
        )
    )


def find_bundle(connection: Connection, tenant_id: str, model_name: str, version: int) -> Bundle | None:
    """The bundle of a version."""
    row = connection.execute(
        select(bundles).where(
            bundles.c.tenant_id == tenant_id, bundles.c.model_name == model_name, bundles.c.version == version
        )
    ).first()
    if row is None:
        return None
    return Bundle(
        model_name=row.model_name,
        version=row.version,
        path=Path(row.path),
        manifest_digest=row.manifest_digest,
        runtime=row.runtime,
        lock_digest=row.lock_digest,
        python=Path(row.python),
    )
