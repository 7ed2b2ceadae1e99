"""The installation has an id, and deployments have resources."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_installation")),
    )
    op.add_column("deployments", sa.Column("resources", Json, nullable=False, server_default="{}"))
