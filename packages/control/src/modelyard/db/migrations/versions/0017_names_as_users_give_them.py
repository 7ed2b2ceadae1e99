"""A model's name is whatever MLflow takes; its label and its name in MLflow are kept with it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_WIDER = [
    *(
        (table, "model_name", 100, 255)
        for table in (
            "versions",
            "version_files",
            "model_owners",
            "model_tags",
            "version_tags",
            "version_metrics",
            "search_slots",
            "bundles",
            "jobs",
            "uploads",
            "retention_holds",
            "mirror_links",
            "deployments",
            "tombstones",
            "policies",
            "version_checks",
            "promotion_requests",
        )
    ),
    ("models", "name", 100, 255),
    ("audit_entries", "model_name", 200, 255),
    ("audit_entries", "subject", 300, 400),
    ("deployments", "namespace", 63, 255),
]
"""Table, column, former length, length."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _widen_on_sqlite()
    else:
        for table, column, _, length in _WIDER:
            op.alter_column(table, column, type_=sa.String(length))
    op.add_column("models", sa.Column("label", sa.String(50), nullable=False, server_default=""))
    op.add_column("models", sa.Column("mirror_name", sa.String(256), nullable=False, server_default=""))
    # Until now every name was a label, and was called so in MLflow, behind the tenant's where that had to be told.
    op.execute(
        "UPDATE models SET label = name, mirror_name = CASE WHEN tenant_id = 'default' AND name NOT LIKE '%--%' "
        "THEN name ELSE tenant_id || '--' || name END"
    )
    op.create_index("ix_models_label", "models", ["tenant_id", "label"], unique=True)
    op.create_index("ix_models_mirror_name", "models", ["mirror_name"], unique=True)


def _widen_on_sqlite() -> None:
    """Write the lengths into the schema alone, as SQLite's page on ALTER TABLE describes for what changes no content.

    SQLite heeds no length, so no row is touched; to copy the tables would take long, and would delete by foreign keys.
    """
    bind = op.get_bind()
    version = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema = ON")
    for table, column, former, length in _WIDER:
        changed = bind.execute(
            sa.text(
                "UPDATE sqlite_master SET sql = replace(sql, :former, :now) "
                "WHERE type = 'table' AND name = :table AND instr(sql, :former) > 0"
            ),
            {"table": table, "former": f"{column} VARCHAR({former})", "now": f"{column} VARCHAR({length})"},
        )
        if changed.rowcount != 1:
            raise RuntimeError(f"{table}.{column} is no VARCHAR({former})")
    bind.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema = RESET")
