"""Schedules and their runs."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json, Timestamp

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("which", sa.String(length=20), nullable=False),
        sa.Column("cron", sa.String(length=200), nullable=True),
        sa.Column("time_zone", sa.String(length=100), nullable=True),
        sa.Column("event_type", sa.String(length=60), nullable=True),
        sa.Column("changes", Json, nullable=False),
        sa.Column("overlap", sa.String(length=20), nullable=False),
        sa.Column("missed", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("next_at", Timestamp(), nullable=True),
        sa.Column("key_digest", sa.String(length=64), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("scopes", Json, nullable=True),
        sa.Column("made_by", Json, nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
    )
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.create_index("ix_schedules_tenant_id_created_at", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_schedules_next_at", ["next_at"], unique=False)
        batch_op.create_index("ix_schedules_event_type", ["tenant_id", "event_type", "model_name"], unique=False)
    op.create_table(
        "schedule_runs",
        sa.Column("schedule_id", sa.String(length=40), nullable=False),
        sa.Column("occasion", sa.String(length=120), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("planned_at", Timestamp(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["schedules.id"],
            name=op.f("fk_schedule_runs_schedule_id_schedules"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("schedule_id", "occasion", name=op.f("pk_schedule_runs")),
    )
    with op.batch_alter_table("schedule_runs", schema=None) as batch_op:
        batch_op.create_index("ix_schedule_runs_status", ["status", "planned_at"], unique=False)
        batch_op.create_index("ix_schedule_runs_schedule_id_planned_at", ["schedule_id", "planned_at"], unique=False)


def downgrade() -> None:
    op.drop_table("schedule_runs")
    op.drop_table("schedules")
