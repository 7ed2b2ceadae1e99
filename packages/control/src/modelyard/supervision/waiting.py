"""Waiting for other processes, which tell nobody when they are done."""

import time
from collections.abc import Callable

_PAUSE_SECONDS = 0.03


def until(fact: Callable[[], bool], *, seconds: float) -> bool:
    """Look again and again until `fact` holds; False when it does not after `seconds`."""
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True
