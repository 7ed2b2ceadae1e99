"""A deployment may have bounds between which its target chooses the number of replicas."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployments", sa.Column("autoscaling", Json))
