"""Worlds whose processes may die."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from deletion_world import World


@pytest.fixture
def make_world(sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[], World]]:
    numbers = count(1)
    made: list[World] = []

    def make() -> World:
        made.append(World(tmp_path / f"home-{next(numbers)}", sqlite_template))
        return made[-1]

    yield make
    for world in made:
        world.dies_at = None
        world.close()


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    return make_world()
