"""versions can be deleted

Revision: 0009
Follows: 0008
"""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Timestamp

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention_holds",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", Timestamp(), nullable=True),
        sa.Column("put_by", sa.String(length=200), nullable=False),
        sa.Column("put_at", Timestamp(), nullable=False),
        sa.Column("lifted_by", sa.String(length=200), nullable=True),
        sa.Column("lifted_at", Timestamp(), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name", "version"],
            ["versions.tenant_id", "versions.model_name", "versions.version"],
            name=op.f("fk_retention_holds_tenant_id_model_name_version_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_holds")),
    )
    with op.batch_alter_table("retention_holds", schema=None) as batch_op:
        batch_op.create_index("ix_retention_holds_version", ["tenant_id", "model_name", "version"], unique=False)

    op.create_table(
        "tombstones",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=100), nullable=False),
        sa.Column("mode", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("deleted_at", Timestamp(), nullable=False),
        sa.Column("deleted_by", sa.String(length=200), nullable=False),
        sa.Column("purge_after", Timestamp(), nullable=False),
        sa.Column("model_uri", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("removed_run_id", sa.String(length=64), nullable=True),
        sa.Column("claimed_experiment", sa.Text(), nullable=True),
        sa.Column("removed_experiment_id", sa.String(length=64), nullable=True),
        sa.Column("takes_files", sa.Boolean(), nullable=False),
        sa.Column("settled_at", Timestamp(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name", "version"],
            ["versions.tenant_id", "versions.model_name", "versions.version"],
            name=op.f("fk_tombstones_tenant_id_model_name_version_versions"),
        ),
        sa.PrimaryKeyConstraint("job_id", "version", name=op.f("pk_tombstones")),
    )
    with op.batch_alter_table("tombstones", schema=None) as batch_op:
        batch_op.create_index("ix_tombstones_claimed_experiment", ["claimed_experiment"], unique=False)
        batch_op.create_index("ix_tombstones_model_uri", ["model_uri"], unique=False)
        batch_op.create_index("ix_tombstones_removed_run_id", ["removed_run_id"], unique=False)
        batch_op.create_index("ix_tombstones_run_id", ["run_id"], unique=False)
        batch_op.create_index("ix_tombstones_state_purge_after", ["state", "purge_after"], unique=False)
        batch_op.create_index("ix_tombstones_version", ["tenant_id", "model_name", "version"], unique=False)

    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deletion_job_id", sa.String(length=40), nullable=True))

    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deletion_job_id", sa.String(length=40), nullable=True))
        batch_op.create_index("ix_versions_deletion_job_id", ["deletion_job_id"], unique=False)
