"""Statements that SQLite and PostgreSQL share and SQL does not have a word for."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert the row unless one of the same key is there, also one that somebody else is just inserting.

    Returns:
        whether it was inserted; when not, the other one is committed, and the next statement sees it.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(statement).first() is not None
