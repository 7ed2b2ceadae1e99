"""Statements that read, each alone and outside of any transaction, asked from the event loop: what a catalogue is asked
all day. Each is compiled once. What needs one state for two statements is none of these.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Select
from sqlalchemy.engine import Dialect


class Lookup:
    """A statement as a database's driver takes it, and what is done to the values on their way in and out."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        """`dialect` writes parameters by their place, and each of them has one: no list whose length is not known."""
        compiled = statement.compile(dialect=dialect)
        if compiled.post_compile_params:
            raise ValueError(f"no look-up: its text depends on its parameters: {compiled}")
        self.sql = str(compiled)
        self._fixed = {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required}
        self._parameters = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        columns = {str(column.key): column.type.dialect_impl(dialect) for column in statement.selected_columns}
        self._names = list(columns)
        told = ((name, type_.result_processor(dialect, None)) for name, type_ in columns.items())
        self._told = [(name, tell) for name, tell in told if tell is not None]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The parameters in the statement's order, as the database keeps them.

        Raises:
            KeyError: one is missing.
        """
        given = {**self._fixed, **parameters}
        return [given[name] if keep is None else keep(given[name]) for name, keep in self._parameters]

    def rows(self, found: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Each row by the names of its columns."""
        rows = [dict(zip(self._names, values, strict=True)) for values in found]
        for name, tell in self._told:
            for row in rows:
                row[name] = tell(row[name])
        return rows


class Lookups(Protocol):
    """Asks one database."""

    async def ask(self, lookup: Lookup, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What it selects, in the state of its moment.

        Raises:
            sqlite3.Error, psycopg.Error: the database does not answer, or does not understand.
        """

    def compile(self, statement: Select[Any]) -> Lookup:
        """The statement for this database."""

    def close(self) -> None:
        """Give the connections up."""
