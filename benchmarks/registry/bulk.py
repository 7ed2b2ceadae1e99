"""Many rows at once into a product's own schema, as a database is restored: keys are not checked row by row."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Dialect, Table, create_engine

_SQLITE = ("PRAGMA synchronous = OFF", "PRAGMA cache_size = -400000")
_POSTGRESQL = ("SET session_replication_role = replica", "SET synchronous_commit = off")


@contextmanager
def filling(url: str, tables: Iterable[Table]) -> Iterator[Connection]:
    """One transaction to fill these tables in. They are analysed after it, as a database does by itself in a while."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            for setting in _SQLITE if engine.dialect.name == "sqlite" else _POSTGRESQL:
                connection.exec_driver_sql(setting)
            connection.commit()
            yield connection
            connection.commit()
            for table in tables:
                connection.exec_driver_sql(f"ANALYZE {table.name}")
            connection.commit()
    finally:
        engine.dispose()


def fill(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns: by COPY on PostgreSQL, by one prepared statement on SQLite."""
    if not rows:
        return
    names = list(rows[0])
    writers = [_writer(table, name, connection.dialect) for name in names]
    values = ([write(row[name]) for name, write in zip(names, writers, strict=True)] for row in rows)
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        cursor.executemany(
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", values
        )
        return
    with cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in values:
            copy.write_row(row)


def _writer(table: Table, name: str, dialect: Dialect) -> Callable[[Any], Any]:
    """How a value of the column is handed to the database's driver."""
    return table.c[name].type.dialect_impl(dialect).bind_processor(dialect) or _plain


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
