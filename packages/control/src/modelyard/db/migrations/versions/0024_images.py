"""Images of versions."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json, Timestamp

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("repository", sa.String(length=400), nullable=False),
        sa.Column("tag", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(length=71), nullable=True),
        sa.Column("config_digest", sa.String(length=71), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("layers", Json, nullable=True),
        sa.Column("platform", sa.String(length=40), nullable=True),
        sa.Column("base_digest", sa.String(length=71), nullable=True),
        sa.Column("bundle_digest", sa.String(length=64), nullable=True),
        sa.Column("lock_digest", sa.String(length=64), nullable=True),
        sa.Column("job_id", sa.String(length=40), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name", "version"],
            ["versions.tenant_id", "versions.model_name", "versions.version"],
            name=op.f("fk_images_tenant_id_model_name_version_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("job_id", name=op.f("uq_images_job_id")),
    )
    with op.batch_alter_table("images", schema=None) as batch_op:
        batch_op.create_index("ix_images_digest", ["tenant_id", "digest"], unique=False)
        batch_op.create_index("ix_images_tenant_id_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_images_version", ["tenant_id", "model_name", "version"], unique=False)
