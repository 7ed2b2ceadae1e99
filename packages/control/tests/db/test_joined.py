"""Several writes as one transaction."""

from contextlib import suppress

import pytest
from sqlalchemy import insert, select

from modelyard.db import Database
from modelyard.db.changes import changes


class _StopError(Exception):
    pass


def _write(database: Database, number: int) -> None:
    with database.write() as connection:
        connection.execute(insert(changes).values(id=number, number=number))


def _written(database: Database) -> list[int]:
    with database.read() as connection:
        return sorted(connection.execute(select(changes.c.id).where(changes.c.id > 1)).scalars())


class TestJoined:
    def test_all_is_written_and_seen_inside(self, database: Database) -> None:
        with database.joined():
            _write(database, 7)
            _write(database, 8)
            assert _written(database) == [7, 8]
        assert _written(database) == [7, 8]

    def test_nothing_is_written_when_it_raises(self, database: Database) -> None:
        def write() -> None:
            with database.joined():
                _write(database, 7)
                raise _StopError

        with pytest.raises(_StopError):
            write()
        assert _written(database) == []

    def test_a_write_that_raises_is_undone_alone(self, database: Database) -> None:
        with database.joined():
            _write(database, 7)
            with suppress(_StopError), database.write() as connection:
                connection.execute(insert(changes).values(id=8, number=8))
                raise _StopError
            _write(database, 9)
        assert _written(database) == [7, 9]
