"""What a database is asked meanwhile, in transactions and by look-ups."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Select, event

from modelyard.db import Database


@contextmanager
def statements(database: Database) -> Iterator[list[Any]]:
    """All statements but the count of changes."""
    seen: list[Any] = []
    look_up = database.look_up

    def note(_: Connection, statement: Any, *__: object) -> None:
        seen.append(statement)

    async def note_and_look_up(statement: Select[Any], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        seen.append(statement)
        return await look_up(statement, parameters)

    event.listen(database._engine, "before_execute", note)
    database.look_up = note_and_look_up  # type: ignore[method-assign]
    yield seen
    event.remove(database._engine, "before_execute", note)
    del database.look_up
