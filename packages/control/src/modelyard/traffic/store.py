"""Reads and writes splits."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from modelyard.traffic.domain import Split, Traffic
from modelyard.traffic.tables import traffic as table


def find(connection: Connection, tenant_id: str, model_name: str) -> Traffic | None:
    """The split of a model."""
    row = connection.execute(select(table).where(*_key(tenant_id, model_name))).first()
    return None if row is None else _traffic(row)


def lock(connection: Connection, tenant_id: str, model_name: str) -> Traffic | None:
    """The same, which nobody else changes until the transaction ends."""
    row = connection.execute(select(table).where(*_key(tenant_id, model_name)).with_for_update()).first()
    return None if row is None else _traffic(row)


def every(connection: Connection) -> list[Traffic]:
    """All splits of all tenants."""
    return [_traffic(row) for row in connection.execute(select(table).order_by(table.c.tenant_id, table.c.model_name))]


def of_tenant(connection: Connection, tenant_id: str) -> list[Traffic]:
    """All splits of a tenant."""
    query = select(table).where(table.c.tenant_id == tenant_id).order_by(table.c.model_name)
    return [_traffic(row) for row in connection.execute(query)]


def put(connection: Connection, traffic: Traffic) -> None:
    """Write a split, in place of the model's split before."""
    values: dict[str, Any] = {
        "split": traffic.split.to_json(),
        "salt": traffic.salt,
        "rollout_id": traffic.rollout_id,
        "updated_by": traffic.updated_by,
        "updated_at": traffic.updated_at,
        "revision": traffic.revision,
    }
    if traffic.revision == 1:
        connection.execute(insert(table).values(tenant_id=traffic.tenant_id, model_name=traffic.model_name, **values))
        return
    connection.execute(update(table).where(*_key(traffic.tenant_id, traffic.model_name)).values(**values))


def remove(connection: Connection, tenant_id: str, model_name: str) -> None:
    """Divide a model's requests no more."""
    connection.execute(delete(table).where(*_key(tenant_id, model_name)))


def _key(tenant_id: str, model_name: str) -> tuple[Any, Any]:
    return (table.c.tenant_id == tenant_id, table.c.model_name == model_name)


def _traffic(row: Row[Any]) -> Traffic:
    return Traffic(
        tenant_id=row.tenant_id,
        model_name=row.model_name,
        split=Split.of_json(row.split),
        salt=row.salt,
        rollout_id=row.rollout_id,
        updated_by=row.updated_by,
        updated_at=row.updated_at,
        revision=row.revision,
    )
