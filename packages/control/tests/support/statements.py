"""What a database is asked meanwhile, in transactions and by single statements."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Select, event

from modelyard.db import Database


@contextmanager
def statements(database: Database) -> Iterator[list[Any]]:
    """All statements but those that read the number of changes alone."""
    seen: list[Any] = []
    fetch = database.fetch

    def note(_: Connection, statement: Any, *__: object) -> None:
        seen.append(statement)

    async def note_and_fetch(statement: Select[Any], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        seen.append(statement)
        return await fetch(statement, parameters)

    event.listen(database._engine, "before_execute", note)
    database.fetch = note_and_fetch  # type: ignore[method-assign]
    yield seen
    event.remove(database._engine, "before_execute", note)
    del database.fetch
