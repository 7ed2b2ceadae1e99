"""Answered requests, and outcomes."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Timestamp

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "answered_requests",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("answered_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "model_name", "request_id", name=op.f("pk_answered_requests")),
    )
    with op.batch_alter_table("answered_requests", schema=None) as batch_op:
        batch_op.create_index("ix_answered_requests_answered_at", ["answered_at"], unique=False)
    op.create_table(
        "outcomes",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=255), nullable=False),
        sa.Column("metric", sa.String(length=100), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("recorded_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "model_name", "metric", "request_id", name=op.f("pk_outcomes")),
    )
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.create_index("ix_outcomes_recorded_at", ["recorded_at"], unique=False)


def downgrade() -> None:
    op.drop_table("outcomes")
    op.drop_table("answered_requests")
