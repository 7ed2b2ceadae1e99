"""Find entries of the audit log by model, version, actor, action and time; and let nobody change one.

Revision: 0005
Follows: 0004
"""

import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BATCH = 1000
_MODEL = re.compile(r"models/([^/]+)(?:/versions/(\d{1,9}))?(?:/.*)?")
_entries = sa.table(
    "audit_entries",
    sa.column("tenant_id", sa.String),
    sa.column("sequence", sa.Integer),
    sa.column("action", sa.String),
    sa.column("subject", sa.String),
    sa.column("after", Json),
    sa.column("model_name", sa.String),
    sa.column("version", sa.Integer),
)
_IN_PRODUCTION = sa.text("action = 'version.production'")

_SQLITE_TRIGGERS = [
    f"""CREATE TRIGGER audit_entries_no_{verb.lower()} BEFORE {verb} ON audit_entries
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"""
    for verb in ("UPDATE", "DELETE")
]
_POSTGRES_TRIGGERS = [
    """CREATE FUNCTION audit_entries_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$""",
    """CREATE TRIGGER audit_entries_no_change BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse()""",
    """CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse()""",
]


def upgrade() -> None:
    """Add what entries are found by, fill it in for those that are there, and close the log to changes."""
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("model_name", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=True))
        for name, column in (("at", "at"), ("model", "model_name"), ("actor", "actor"), ("action", "action")):
            batch_op.create_index(f"ix_audit_entries_{name}", ["tenant_id", column, "sequence"], unique=False)
        batch_op.create_index(
            "ix_audit_entries_production",
            ["tenant_id", "model_name", "sequence"],
            unique=False,
            sqlite_where=_IN_PRODUCTION,
            postgresql_where=_IN_PRODUCTION,
        )
    connection = op.get_bind()
    _fill_in(connection)
    is_sqlite = connection.dialect.name == "sqlite"
    for statement in _SQLITE_TRIGGERS if is_sqlite else _POSTGRES_TRIGGERS:
        op.execute(statement)


def _fill_in(connection: sa.Connection) -> None:
    key = (_entries.c.tenant_id, _entries.c.sequence)
    done: tuple[str, int] = ("", 0)
    while True:
        query = sa.select(*key, _entries.c.subject, _entries.c.after).where(sa.tuple_(*key) > done)
        rows = connection.execute(query.order_by(*key).limit(_BATCH)).all()
        for row in rows:
            model, version = _about(row.subject, row.after or {})
            if model is not None:
                change = sa.update(_entries).where(key[0] == row.tenant_id, key[1] == row.sequence)
                connection.execute(change.values(model_name=model, version=version))
        if len(rows) < _BATCH:
            return
        done = (rows[-1].tenant_id, rows[-1].sequence)


def _about(subject: str, after: Mapping[str, Any]) -> tuple[str | None, int | None]:
    for text in (subject, after.get("model")):
        found = _MODEL.fullmatch(text) if isinstance(text, str) else None
        if found is not None:
            number = found.group(2) or after.get("version")
            return found.group(1), None if number is None else int(number)
    return after.get("model_name"), after.get("model_version")
