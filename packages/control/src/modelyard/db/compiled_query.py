"""Short reading statements that the event loop executes itself, each alone and outside of any transaction.

A statement is compiled once. What needs one state for two statements is read in a transaction (`Database.read`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Select
from sqlalchemy.engine import Dialect


class CompiledQuery:
    """A statement as a database's driver takes it, with the conversions of its parameters and of its columns."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        """`dialect` numbers the parameters; a list whose length is not known cannot be one."""
        compiled = statement.compile(dialect=dialect)
        if compiled.post_compile_params:
            raise ValueError(f"the statement's text depends on its parameters: {compiled}")
        self.sql = str(compiled)
        self._fixed = {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required}
        self._parameters = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        columns = {str(column.key): column.type.dialect_impl(dialect) for column in statement.selected_columns}
        self._names = list(columns)
        processors = ((name, type_.result_processor(dialect, None)) for name, type_ in columns.items())
        self._processors = [(name, process) for name, process in processors if process is not None]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The parameters in the statement's order, as the database stores them.

        Raises:
            KeyError: one is missing.
        """
        given = {**self._fixed, **parameters}
        return [given[name] if process is None else process(given[name]) for name, process in self._parameters]

    def rows(self, fetched: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Each row by the names of its columns."""
        rows = [dict(zip(self._names, values, strict=True)) for values in fetched]
        for name, process in self._processors:
            for row in rows:
                row[name] = process(row[name])
        return rows


class QueryExecutor(Protocol):
    """Executes compiled queries in one database."""

    async def fetch(self, query: CompiledQuery, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows, in the state of the moment.

        Raises:
            sqlite3.Error, psycopg.Error: the database does not answer, or refuses the statement.
        """

    def compile(self, statement: Select[Any]) -> CompiledQuery:
        """The statement for this database."""

    def close(self) -> None:
        """Close the connections."""
