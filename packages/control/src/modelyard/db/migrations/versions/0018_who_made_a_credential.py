"""Of every token is known who made it, and the one that it was made with; and of whom took part in a promotion too."""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("promotion_requests", "promotion_approvals", "tokens"):
        op.add_column(table, sa.Column("made_by", Json, nullable=True))
    _fill()
    with op.batch_alter_table("tokens") as tokens:
        tokens.alter_column("made_by", nullable=False)


def _fill() -> None:
    """With which token another was made was not written down: any token of its maker may have been it."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, tenant_id, subject, created_by FROM tokens")).all()
    makers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        makers[row.tenant_id, row.subject].add(row.created_by)
    for row in rows:
        found, asked = set(), [row.created_by]
        while asked:
            maker = asked.pop()
            if maker not in found:
                found.add(maker)
                asked += makers[row.tenant_id, maker]
        connection.execute(
            sa.text("UPDATE tokens SET made_by = :made_by WHERE id = :id").bindparams(
                sa.bindparam("made_by", type_=Json)
            ),
            {"id": row.id, "made_by": sorted(found)},
        )
