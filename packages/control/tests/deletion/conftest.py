"""Worlds whose processes may die, on either database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from deletion_world import World
from empty_postgres import empty

from modelyard.db import Database

MakeWorld = Callable[[], World]


@pytest.fixture
def make_world_on_sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[MakeWorld]:
    with _worlds(lambda home: World(home, template=sqlite_template), tmp_path) as make:
        yield make


@pytest.fixture
def make_world_on_postgres(postgres_url: str, postgres_database: Database, tmp_path: Path) -> Iterator[MakeWorld]:
    def begin(home: Path) -> World:
        empty(postgres_database)
        return World(home, database_url=postgres_url)

    with _worlds(begin, tmp_path) as make:
        yield make


@pytest.fixture
def make_world(make_world_on_sqlite: MakeWorld) -> MakeWorld:
    """Makes new worlds, one after the other."""
    return make_world_on_sqlite


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


@contextmanager
def _worlds(begin: Callable[[Path], World], folder: Path) -> Iterator[MakeWorld]:
    """One at a time: the one before ends when the next begins."""
    numbers = count(1)
    last: list[World] = []

    def end() -> None:
        for world in last:
            world.dies_at = None
            world.close()
        last.clear()

    def make() -> World:
        end()
        last.append(begin(folder / f"home-{next(numbers)}"))
        return last[0]

    yield make
    end()
