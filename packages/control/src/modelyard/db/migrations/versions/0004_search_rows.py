"""What a search looks up: rows of tags, metrics and owners, made here for what is registered already."""

import hashlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = ("tenant_id", "model_name", "version")


def upgrade() -> None:
    op.create_table(
        "model_owners",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("model_name", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name"],
            ["models.tenant_id", "models.name"],
            name=op.f("fk_model_owners_tenant_id_model_name_models"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "owner", "model_name", name=op.f("pk_model_owners")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("model_owners", schema=None) as batch_op:
        batch_op.create_index("ix_model_owners_model", ["tenant_id", "model_name"], unique=False)

    op.create_table(
        "model_tags",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("model_name", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name"],
            ["models.tenant_id", "models.name"],
            name=op.f("fk_model_tags_tenant_id_model_name_models"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "digest", "model_name", name=op.f("pk_model_tags")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("model_tags", schema=None) as batch_op:
        batch_op.create_index("ix_model_tags_model", ["tenant_id", "model_name"], unique=False)

    op.create_table(
        "version_metrics",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name", "version"],
            ["versions.tenant_id", "versions.model_name", "versions.version"],
            name=op.f("fk_version_metrics_tenant_id_model_name_version_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "model_name", "version", "name", name=op.f("pk_version_metrics")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("version_metrics", schema=None) as batch_op:
        batch_op.create_index(
            "ix_version_metrics_value", ["tenant_id", "name", "model_name", "value", "version"], unique=False
        )

    op.create_table(
        "version_tags",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("model_name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name", "version"],
            ["versions.tenant_id", "versions.model_name", "versions.version"],
            name=op.f("fk_version_tags_tenant_id_model_name_version_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "digest", "model_name", "version", name=op.f("pk_version_tags")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("version_tags", schema=None) as batch_op:
        batch_op.create_index("ix_version_tags_version", ["tenant_id", "model_name", "version"], unique=False)

    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.add_column(sa.Column("owners", Json, server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("revision", sa.Integer(), server_default="1", nullable=False))
        batch_op.create_index("ix_models_created_at", ["tenant_id", "created_at", "name"], unique=False)
        batch_op.create_index("ix_models_updated_at", ["tenant_id", "updated_at", "name"], unique=False)

    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.create_index("ix_versions_stage", ["tenant_id", "model_name", "stage", "version"], unique=False)
    _index_what_is_there()


def _index_what_is_there() -> None:
    versions = _table("versions", sa.column("tags", Json), sa.column("metrics", Json))
    tags = _table("version_tags", sa.column("digest"))
    metrics = _table("version_metrics", sa.column("name"), sa.column("value"))
    connection = op.get_bind()
    after: tuple[Any, ...] | None = None
    while rows := connection.execute(_page(versions, after)).mappings().all():
        after = tuple(_key(rows[-1]).values())
        _insert(connection, tags, list(_tags(rows)))
        _insert(connection, metrics, list(_metrics(rows)))


def _page(versions: Any, after: tuple[Any, ...] | None) -> Any:
    key = [versions.c[name] for name in _KEY]
    query = sa.select(versions).order_by(*key).limit(1000)
    return query if after is None else query.where(sa.tuple_(*key) > sa.tuple_(*after))


def _table(name: str, *columns: Any) -> Any:
    return sa.table(name, *map(sa.column, _KEY), *columns)


def _tags(rows: Any) -> Iterator[dict[str, Any]]:
    for row in rows:
        for name, value in row["tags"].items():
            digest = hashlib.sha256(f"{len(name)}:{name}{value}".encode(errors="surrogatepass")).hexdigest()[:32]
            yield {**_key(row), "digest": digest}


def _metrics(rows: Any) -> Iterator[dict[str, Any]]:
    for row in rows:
        for name, value in row["metrics"].items():
            if value is not None and len(name) <= 250:
                yield {**_key(row), "name": name, "value": float(value)}


def _key(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in _KEY}


def _insert(connection: Any, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)
