"""Which version of MLflow's is which of ours, which were refused, and who reconciles now.

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Timestamp

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mirror_leases",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=False),
        sa.Column("expires_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mirror_leases")),
    )
    op.create_table(
        "mirror_links",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tracker_name", sa.String(length=256), nullable=False),
        sa.Column("tracker_version", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("is_released", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "model_name", "version", name=op.f("pk_mirror_links")),
    )
    with op.batch_alter_table("mirror_links", schema=None) as batch_op:
        batch_op.create_index("ix_mirror_links_tracker", ["tracker_name", "tracker_version", "made_at"], unique=True)

    op.create_table(
        "mirror_refusals",
        sa.Column("tracker_name", sa.String(length=256), nullable=False),
        sa.Column("tracker_version", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("tracker_name", "tracker_version", "made_at", name=op.f("pk_mirror_refusals")),
    )
