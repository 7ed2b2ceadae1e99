"""Profiles of training data, and what servers count in their bins."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json, Timestamp

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.add_column(sa.Column("profile", Json, nullable=True))
    op.create_table(
        "drift_sources",
        sa.Column("deployment_id", sa.String(length=40), nullable=False),
        sa.Column("instance", sa.String(length=200), nullable=False),
        sa.Column("profile", sa.String(length=200), nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("seen_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("deployment_id", "instance", name=op.f("pk_drift_sources")),
    )
    with op.batch_alter_table("drift_sources", schema=None) as batch_op:
        batch_op.create_index("ix_drift_sources_seen_at", ["seen_at"], unique=False)
    op.create_table(
        "drift_windows",
        sa.Column("deployment_id", sa.String(length=40), nullable=False),
        sa.Column("profile", sa.String(length=200), nullable=False),
        sa.Column("starts_at", Timestamp(), nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.PrimaryKeyConstraint("deployment_id", "profile", "starts_at", name=op.f("pk_drift_windows")),
    )
    with op.batch_alter_table("drift_windows", schema=None) as batch_op:
        batch_op.create_index("ix_drift_windows_starts_at", ["starts_at"], unique=False)
    op.create_table(
        "drift_findings",
        sa.Column("deployment_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("features", Json, nullable=False),
        sa.Column("found_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("deployment_id", "version", name=op.f("pk_drift_findings")),
    )


def downgrade() -> None:
    for name in ("drift_findings", "drift_windows", "drift_sources"):
        op.drop_table(name)
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.drop_column("profile")
