"""Reads and writes holds."""

from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, tuple_, update

from modelyard.holds.domain import Hold
from modelyard.holds.tables import holds
from modelyard.paging import Page, decode_time_cursor, encode_time_cursor
from modelyard.registry.domain import can_be_a_number


def add(connection: Connection, hold: Hold) -> None:
    """Insert a hold."""
    connection.execute(
        insert(holds).values(
            id=hold.hold_id,
            tenant_id=hold.tenant_id,
            model_name=hold.model_name,
            version=hold.version,
            reason=hold.reason,
            until=hold.until,
            put_by=hold.put_by,
            put_at=hold.put_at,
        )
    )


def find(connection: Connection, tenant_id: str, hold_id: str) -> Hold | None:
    """One hold of a tenant; its row is held until the transaction ends."""
    query = select(holds).where(holds.c.tenant_id == tenant_id, holds.c.id == hold_id)
    row = connection.execute(query.with_for_update()).first()
    return None if row is None else _hold(row)


def page(
    connection: Connection, tenant_id: str, model_name: str, version: int | None, *, limit: int, cursor: str | None
) -> Page[Hold]:
    """Holds that lie or lay on a version, or on any of the model's, the oldest first."""
    query = _of(tenant_id, model_name, version)
    if cursor is not None:
        query = query.where(tuple_(holds.c.put_at, holds.c.id) > tuple_(*decode_time_cursor(cursor)))
    if version is not None and not can_be_a_number(version):
        return Page([], None)
    rows = connection.execute(query.limit(limit + 1)).all()
    items = [_hold(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items, encode_time_cursor(items[-1].put_at, items[-1].hold_id) if more else None)


def not_lifted(connection: Connection, tenant_id: str, model_name: str, version: int | None) -> list[Hold]:
    """The holds on a version, or on any of the model's, that nobody has lifted, the oldest first."""
    query = _of(tenant_id, model_name, version).where(holds.c.lifted_at.is_(None))
    return [_hold(row) for row in connection.execute(query)]


def change(connection: Connection, hold: Hold, **values: Any) -> None:
    """Write some columns of a hold."""
    connection.execute(update(holds).where(holds.c.id == hold.hold_id).values(**values))


def _of(tenant_id: str, model_name: str, version: int | None) -> Select[Any]:
    query = select(holds).where(holds.c.tenant_id == tenant_id, holds.c.model_name == model_name)
    if version is not None:
        query = query.where(holds.c.version == version)
    return query.order_by(holds.c.put_at, holds.c.id)


def _hold(row: Row[Any]) -> Hold:
    return Hold(
        hold_id=row.id,
        tenant_id=row.tenant_id,
        model_name=row.model_name,
        version=row.version,
        reason=row.reason,
        until=row.until,
        put_by=row.put_by,
        put_at=row.put_at,
        lifted_by=row.lifted_by,
        lifted_at=row.lifted_at,
        lift_reason=row.lift_reason,
    )
