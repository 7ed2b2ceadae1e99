"""Reads and writes the plans by which promotions are rolled out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from modelyard.rollouts.plan import Plan, plan_of_json, plan_to_json
from modelyard.rollouts.tables import rollout_plans as table


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A model's plan; each promotion of the model starts a roll-out by it."""

    model_name: str
    plan: Plan
    updated_by: str
    updated_at: datetime
    revision: int


def find(connection: Connection, tenant_id: str, model_name: str) -> StoredPlan | None:
    """The plan of a model."""
    query = select(table).where(table.c.tenant_id == tenant_id, table.c.model_name == model_name)
    row = connection.execute(query).first()
    return None if row is None else _plan_of(row)


def of_tenant(connection: Connection, tenant_id: str) -> list[StoredPlan]:
    """The plans of a tenant's models, by model."""
    query = select(table).where(table.c.tenant_id == tenant_id).order_by(table.c.model_name)
    return [_plan_of(row) for row in connection.execute(query)]


def put(connection: Connection, tenant_id: str, stored: StoredPlan) -> None:
    """Write a plan, in place of the model's plan before."""
    values = {
        "plan": plan_to_json(stored.plan),
        "updated_by": stored.updated_by,
        "updated_at": stored.updated_at,
        "revision": stored.revision,
    }
    key = {"tenant_id": tenant_id, "model_name": stored.model_name}
    if stored.revision == 1:
        connection.execute(insert(table).values(**key, **values))
        return
    connection.execute(
        update(table).where(table.c.tenant_id == tenant_id, table.c.model_name == stored.model_name).values(**values)
    )


def remove(connection: Connection, tenant_id: str, model_name: str) -> None:
    """Roll promotions of a model out no more."""
    connection.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c.model_name == model_name))


def _plan_of(row: Row[Any]) -> StoredPlan:
    return StoredPlan(row.model_name, plan_of_json(row.plan), row.updated_by, row.updated_at, row.revision)
