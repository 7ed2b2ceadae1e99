"""Gives a model the names that it has outside of our tables: its label, and what MLflow calls it. Each is one model's
only, and stays its own when the model is deleted.
"""

from sqlalchemy import Connection, select

from modelyard.naming import derived_labels
from modelyard.registry.tables import models
from modelyard.tracker_names import mirror_names


def free_label(connection: Connection, tenant_id: str, name: str) -> str:
    """The first label of the name that no model of the tenant has."""
    return next(label for label in derived_labels(name) if find_labelled(connection, tenant_id, label) is None)


def free_mirror_name(connection: Connection, tenant_id: str, name: str) -> str:
    """The first name for it in MLflow that no model of any tenant has."""
    return next(each for each in mirror_names(tenant_id, name) if find_mirrored(connection, each) is None)


def find_labelled(connection: Connection, tenant_id: str, label: str) -> str | None:
    """The name of the tenant's model that has the label, also of a deleted one."""
    query = select(models.c.name).where(models.c.tenant_id == tenant_id, models.c.label == label)
    return connection.execute(query).scalar_one_or_none()


def find_mirrored(connection: Connection, mirror_name: str) -> tuple[str, str] | None:
    """The tenant and the name of the model that MLflow calls so, also of a deleted one."""
    query = select(models.c.tenant_id, models.c.name).where(models.c.mirror_name == mirror_name)
    row = connection.execute(query).first()
    return None if row is None else (row.tenant_id, row.name)


def names_of(connection: Connection, tenant_id: str, name: str) -> tuple[str, str] | None:
    """A model's label and its name in MLflow, also of a deleted one; None when there never was such a model."""
    query = select(models.c.label, models.c.mirror_name).where(models.c.tenant_id == tenant_id, models.c.name == name)
    row = connection.execute(query).first()
    return None if row is None else (row.label, row.mirror_name)
