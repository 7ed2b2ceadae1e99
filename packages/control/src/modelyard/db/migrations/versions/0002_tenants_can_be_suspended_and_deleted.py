"""tenants can be suspended and deleted

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Timestamp

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("suspended_at", Timestamp(), nullable=True))
        batch_op.add_column(sa.Column("deleted_at", Timestamp(), nullable=True))
