"""How requests of models are divided, and roll-outs."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json, Timestamp

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_UNDER_WAY = sa.text("status NOT IN ('done', 'rolled_back')")


def upgrade() -> None:
    op.create_table(
        "gateway_traffic",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=255), nullable=False),
        sa.Column("split", Json, nullable=False),
        sa.Column("salt", sa.String(length=40), nullable=False),
        sa.Column("rollout_id", sa.String(length=40), nullable=True),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name"],
            ["models.tenant_id", "models.name"],
            name=op.f("fk_gateway_traffic_tenant_id_model_name_models"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "model_name", name=op.f("pk_gateway_traffic")),
    )
    op.create_table(
        "rollout_plans",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=255), nullable=False),
        sa.Column("plan", Json, nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name"],
            ["models.tenant_id", "models.name"],
            name=op.f("fk_rollout_plans_tenant_id_model_name_models"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "model_name", name=op.f("pk_rollout_plans")),
    )
    op.create_table(
        "rollouts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=255), nullable=False),
        sa.Column("former", sa.Integer(), nullable=False),
        sa.Column("candidate", sa.Integer(), nullable=False),
        sa.Column("plan", Json, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("step_since", Timestamp(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("progress", Json, nullable=False),
        sa.Column("request_id", sa.String(length=40), nullable=True),
        sa.Column("job_id", sa.String(length=40), nullable=True),
        sa.Column("is_promoted", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name"],
            ["models.tenant_id", "models.name"],
            name=op.f("fk_rollouts_tenant_id_model_name_models"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
    )
    with op.batch_alter_table("rollouts", schema=None) as batch_op:
        batch_op.create_index(
            "uq_rollouts_one_under_way",
            ["tenant_id", "model_name"],
            unique=True,
            sqlite_where=_UNDER_WAY,
            postgresql_where=_UNDER_WAY,
        )
        batch_op.create_index("ix_rollouts_tenant_id_created_at", ["tenant_id", "created_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("rollouts")
    op.drop_table("rollout_plans")
    op.drop_table("gateway_traffic")
