"""A number that grows with every committed change of what answers tell, so that one who kept an answer can ask, in one
short query, whether it still holds. It is the database's, so it holds for every process that shares it.

Each writing transaction counts it up as its last statement: who reads a number sees all that was committed before it.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, Table, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase

from modelyard.db.types import metadata

VOLATILE: dict[str, Any] = {"volatile": True}
"""The `info` of a table, or the execution options of a statement, that change nothing of what kept answers tell."""
_CHANGED = "modelyard_changed"

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)
COUNT = select(changes.c.number)
"""The number; no row before the first change."""
NUMBER = func.coalesce(COUNT.scalar_subquery(), 0)
"""The same as a column of a statement, in the one state that the statement sees."""


def watch(engine: Engine) -> None:
    """Notice, for every transaction, whether it changes a table that counts."""

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
    """Count up, if something was changed. The row stays locked until the commit, which comes at once."""
    if connection.info.pop(_CHANGED, False):
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        counted = insert(changes).values(id=1, number=1)
        more = {"number": changes.c.number + 1}
        connection.execute(counted.on_conflict_do_update(index_elements=["id"], set_=more))
