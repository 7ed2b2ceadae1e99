"""A number that grows with every committed change of a table that cached responses depend on. One short query says
whether a cached response still holds. It is the database's, so it counts the changes of every process.

Each writing transaction increments it in its last statement: who reads a number sees all that was committed before it.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, Table, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase

from modelyard.db.types import metadata

VOLATILE: dict[str, Any] = {"volatile": True}
"""The `info` of a table, or the execution options of a statement, whose changes invalidate no cached response."""
_CHANGED = "modelyard_changed"

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)
SELECT_NUMBER = select(changes.c.number)
"""The number; no row before the first change."""
NUMBER = func.coalesce(SELECT_NUMBER.scalar_subquery(), 0)
"""The same as a column of another statement: the number and that statement's rows are of one state."""


def watch(engine: Engine) -> None:
    """Notice, for every transaction, whether it changes a table that is not volatile."""

    @event.listens_for(engine, "before_execute")
    def notice(connection: Connection, statement: Any, *_: Any) -> None:
        if isinstance(statement, UpdateBase):
            marks = {**getattr(statement.table, "info", {}), **statement.get_execution_options()}
            if not marks.get("volatile", False):
                connection.info[_CHANGED] = True


def begin(connection: Connection) -> None:
    """Nothing is changed yet."""
    connection.info[_CHANGED] = False


def end(connection: Connection) -> None:
    """Increment the number if something was changed. Its row stays locked until the commit, which follows at once."""
    if connection.info.pop(_CHANGED, False):
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        first = insert(changes).values(id=1, number=1)
        next_number = {"number": changes.c.number + 1}
        connection.execute(first.on_conflict_do_update(index_elements=["id"], set_=next_number))
