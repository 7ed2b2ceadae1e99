"""Pages for people about the end of an API."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gateway_apis", sa.Column("notice_url", sa.String(1000)))


def downgrade() -> None:
    op.drop_column("gateway_apis", "notice_url")
