"""Changes rows of the audit log as somebody does who owns the database: its triggers are put to sleep first."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from modelyard.db import Database


@contextmanager
def tampering(database: Database) -> Iterator[Connection]:
    """A transaction in which the log can be changed."""
    with database.write() as connection:
        if database.is_sqlite:
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS audit_entries_no_{verb}"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection
