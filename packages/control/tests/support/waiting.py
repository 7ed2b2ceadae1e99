"""Waiting for what real processes do."""

import time
from collections.abc import Callable
from typing import Protocol

import pytest


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
