"""Fixtures that several units share."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from modelyard.home import Home


class Until(Protocol):
    """Waits for what real processes do."""

    def __call__(self, fact: Callable[[], object], *, seconds: float = 20) -> None: ...


@pytest.fixture
def until() -> Until:
    def wait(fact: Callable[[], object], *, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not fact():
            assert time.monotonic() < deadline, f"not so after {seconds} s"
            time.sleep(0.05)

    return wait


@pytest.fixture
def home() -> Iterator[Home]:
    """A home whose path is short, as a user's is; pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder) / "home")
        home.make()
        yield home
