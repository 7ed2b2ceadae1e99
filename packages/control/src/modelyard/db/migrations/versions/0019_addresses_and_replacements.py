"""Ports are remembered for good, and a deployment's version can be replaced at its address."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Timestamp

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_UNDER_WAY = sa.text("status IN ('building', 'starting', 'draining')")


def upgrade() -> None:
    op.add_column("deployments", sa.Column("generation", sa.Integer(), nullable=False, server_default="1"))
    ports = op.create_table(
        "server_ports",
        sa.Column("target", sa.String(40), nullable=False),
        sa.Column("port", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.String(40), nullable=False),
        sa.Column("namespace", sa.String(255), nullable=False),
        sa.Column("model_name", sa.String(255), nullable=False),
        sa.Column("deployment_id", sa.String(40), nullable=False),
        sa.Column("released_at", Timestamp(), nullable=True),
        sa.PrimaryKeyConstraint("target", "port", name=op.f("pk_server_ports")),
    )
    op.create_index("ix_server_ports_deployment_id", "server_ports", ["deployment_id"])
    op.create_table(
        "replacements",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("deployment_id", sa.String(40), nullable=False),
        sa.Column("from_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replacements")),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name=op.f("fk_replacements_deployment_id_deployments")
        ),
        sa.UniqueConstraint("job_id", name=op.f("uq_replacements_job_id")),
    )
    op.create_index(
        "uq_replacements_one_under_way",
        "replacements",
        ["deployment_id"],
        unique=True,
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    )
    op.create_index("ix_replacements_deployment_id_generation", "replacements", ["deployment_id", "generation"])
    _remember_ports(ports)


def _remember_ports(ports: sa.Table) -> None:
    """Of the deployments that had one port, one after the other, the last one is remembered."""
    plain = ("id", "tenant_id", "namespace", "model_name", "target", "status", "url", "created_at")
    updated_at = sa.column("updated_at", Timestamp())
    deployments = sa.table("deployments", *map(sa.column, plain), updated_at)
    query = sa.select(deployments).where(deployments.c.target == "local", deployments.c.url.is_not(None))
    remembered = {}
    for row in op.get_bind().execute(query.order_by(deployments.c.created_at)):
        port = urlsplit(row.url).port
        remembered[port] = {
            "target": row.target,
            "port": port,
            "tenant_id": row.tenant_id,
            "namespace": row.namespace,
            "model_name": row.model_name,
            "deployment_id": row.id,
            "released_at": row.updated_at if row.status == "stopped" else None,
        }
    remembered.pop(None, None)
    if remembered:
        op.bulk_insert(ports, list(remembered.values()))
