"""Version sets, APIs, their revisions and releases."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json, Timestamp

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_version_sets",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("display_name", sa.String(length=300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("scheme", sa.String(length=10), nullable=False),
        sa.Column("parameter", sa.String(length=100), nullable=True),
        sa.Column("on_missing", sa.String(length=10), nullable=False),
        sa.Column("default_version", sa.String(length=100), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_gateway_version_sets")),
    )
    op.create_table(
        "gateway_apis",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("display_name", sa.String(length=300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("api_version", sa.String(length=100), nullable=True),
        sa.Column("version_key", sa.String(length=100), nullable=False),
        sa.Column("version_set_id", sa.String(length=80), nullable=True),
        sa.Column("protocols", Json, nullable=False),
        sa.Column("subscription_required", sa.Boolean(), nullable=False),
        sa.Column("key_header", sa.String(length=100), nullable=False),
        sa.Column("key_query", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("deprecated_at", Timestamp(), nullable=True),
        sa.Column("sunset_at", Timestamp(), nullable=True),
        sa.Column("successor", sa.String(length=80), nullable=True),
        sa.Column("current_revision", sa.Integer(), nullable=True),
        sa.Column("latest_revision", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "version_set_id"],
            ["gateway_version_sets.tenant_id", "gateway_version_sets.id"],
            name=op.f("fk_gateway_apis_tenant_id_version_set_id_gateway_version_sets"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_gateway_apis")),
    )
    with op.batch_alter_table("gateway_apis", schema=None) as batch_op:
        batch_op.create_index("ix_gateway_apis_version_set_id", ["tenant_id", "version_set_id"], unique=False)
        batch_op.create_index("uq_gateway_apis_address", ["tenant_id", "path", "version_key"], unique=True)

    op.create_table(
        "gateway_releases",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("api_id", sa.String(length=80), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("before", Json, nullable=True),
        sa.Column("after", Json, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "api_id"],
            ["gateway_apis.tenant_id", "gateway_apis.id"],
            name=op.f("fk_gateway_releases_tenant_id_api_id_gateway_apis"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "api_id", "id", name=op.f("pk_gateway_releases")),
    )
    with op.batch_alter_table("gateway_releases", schema=None) as batch_op:
        batch_op.create_index("uq_gateway_releases_number", ["tenant_id", "api_id", "number"], unique=True)

    op.create_table(
        "gateway_revisions",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("api_id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("target", Json, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("timeout_seconds", sa.Float(), nullable=True),
        sa.Column("is_online", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "api_id"],
            ["gateway_apis.tenant_id", "gateway_apis.id"],
            name=op.f("fk_gateway_revisions_tenant_id_api_id_gateway_apis"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "api_id", "number", name=op.f("pk_gateway_revisions")),
    )
