"""All rows of our tables as JSON lines, and back, on either database: so a backup also moves a home to PostgreSQL.

Bundles are left out: they name folders of one machine, and packaging makes them again.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, LargeBinary, MetaData, Table, func, insert, select, text
from sqlalchemy.types import TypeEngine

from modelyard.db import Database
from modelyard.db.changes import changes
from modelyard.db.types import Json, Timestamp
from modelyard.errors import Conflict
from modelyard.schema import metadata

MADE_AGAIN = frozenset({"bundles"})
_VERSION_TABLE = "alembic_version"
_BATCH = 500


def dump(database: Database, folder: Path) -> dict[str, int]:
    """Write each table's rows to `<table>.jsonl`, all as of one moment; how many there were of each."""
    with database.read() as connection:
        kept = [table for table in metadata.sorted_tables if table.name not in MADE_AGAIN]
        return {table.name: _write(connection, table, folder / f"{table.name}.jsonl") for table in kept}


def load(database: Database, folder: Path, *, revision: str, is_forced: bool) -> dict[str, int]:
    """Put the rows into a database of the schema that they were written under, then bring that up to date.

    What is there goes only when that is forced. When this breaks off, the database is empty and it can be repeated.

    Raises:
        Conflict: code `database_not_empty` or `database_in_use`.
    """
    _clear(database, is_forced=is_forced)
    database.migrate(revision)
    with database.write() as connection:
        tables = _reflected(connection)
        counts = {table.name: _read(connection, table, folder / f"{table.name}.jsonl") for table in tables}
        for table in tables:
            _go_on_counting(connection, table)
    database.migrate()
    return counts


def _write(connection: Connection, table: Table, path: Path) -> int:
    count = 0
    rows = connection.execution_options(yield_per=_BATCH).execute(select(table).order_by(*table.primary_key))
    with path.open("w", encoding="utf-8") as file:
        for count, row in enumerate(rows.mappings(), start=1):  # noqa: B007 - the last one is the count.
            file.write(json.dumps(dict(row), default=_as_text, ensure_ascii=False, allow_nan=False) + "\n")
    return count


def _read(connection: Connection, table: Table, path: Path) -> int:
    if not path.exists():
        return 0
    readers = {column.name: read for column in table.columns if (read := _reader(column.type)) is not None}
    count = 0
    with path.open(encoding="utf-8") as file:
        rows = (_row(line, readers) for line in file)
        while batch := list(islice(rows, _BATCH)):
            # Nobody is connected who could have kept an answer, and an older schema does not count changes.
            connection.execute(insert(table).execution_options(volatile=True), batch)
            count += len(batch)
    return count


def _row(line: str, readers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    return row | {name: read(row[name]) for name, read in readers.items() if row.get(name) is not None}


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"a backup cannot hold a {type(value).__name__}")


def _reader(kind: TypeEngine[Any]) -> Callable[[str], Any] | None:
    """What makes a value of the text that stands for it, where JSON has no such value."""
    if isinstance(kind, Timestamp):
        return datetime.fromisoformat
    return base64.b64decode if isinstance(kind, LargeBinary) else None


def _clear(database: Database, *, is_forced: bool) -> None:
    with database.write() as connection:
        _refuse_other_connections(connection)
        there = MetaData()
        there.reflect(connection)
        own = [table for table in there.sorted_tables if table.name in metadata.tables]
        telling = [table for table in own if table.name != changes.name]
        is_empty = all(connection.execute(select(table).limit(1)).first() is None for table in telling)
        if not is_empty and not is_forced:
            raise Conflict("the database is not empty: --force puts the backup in its place", code="database_not_empty")
        for table in reversed(own):
            table.drop(connection)
        if _VERSION_TABLE in there.tables:
            there.tables[_VERSION_TABLE].drop(connection)
        if not database.is_sqlite:
            connection.execute(text("DROP FUNCTION IF EXISTS audit_entries_refuse()"))


def _refuse_other_connections(connection: Connection) -> None:
    """Nobody else may be connected; of a SQLite file, the home's own lock has said so."""
    if connection.dialect.name != "postgresql":
        return
    others = connection.execute(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
    ).scalar_one()
    if others:
        raise Conflict(
            f"{others} others are connected to the database: stop every control plane first", code="database_in_use"
        )


def _reflected(connection: Connection) -> list[Table]:
    """Our tables as they are there, which may be those of an earlier release, with our own types for values."""
    there = MetaData()
    there.reflect(connection)
    tables = [table for table in there.sorted_tables if table.name != _VERSION_TABLE]
    for column in _columns(tables):
        if isinstance(column.type, DateTime):
            column.type = Timestamp()
        elif isinstance(column.type, JSON):
            column.type = Json
    return tables


def _columns(tables: list[Table]) -> Iterator[Any]:
    return (column for table in tables for column in table.columns)


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows after those that were put in with their numbers."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    if connection.execute(select(sequence)).scalar_one() is not None:
        highest = select(func.coalesce(func.max(column), 0)).scalar_subquery()
        connection.execute(select(func.setval(sequence, highest + 1, False)))  # noqa: FBT003 - PostgreSQL's own.
