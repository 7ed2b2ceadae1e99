"""A version keeps the list of the data that its run used; those that are there already have none."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("datasets", Json, nullable=True))
