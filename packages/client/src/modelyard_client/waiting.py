"""Reading something again and again until it is as wanted. It outlives a control plane that is restarted meanwhile."""

from collections.abc import Callable
from typing import TypeVar

from modelyard_client.clock import Clock
from modelyard_client.errors import Busy, Unavailable, WaitTimedOut

_FIRST_PAUSE = 0.1
_MAX_PAUSE = 1.0
_GROWTH = 1.5

T = TypeVar("T")


def wait_until(
    read: Callable[[], T],
    *,
    is_done: Callable[[T], bool],
    facts: Callable[[T], object],
    clock: Clock,
    waiting_for: str,
    on_change: Callable[[T], None] | None = None,
    timeout: float | None = None,
    patience: float = 60.0,
) -> T:
    """What `read` gives once `is_done` holds.

    Args:
        facts: what counts as a change; `on_change` is called with the first reading and after each change.
        waiting_for: for the error's sentence.
        timeout: seconds; None to wait for as long as it takes.
        patience: seconds for which the server may be away.

    Raises:
        WaitTimedOut: it is not so in time.
        Unavailable: the server has been away for longer than `patience`.
    """
    started = last_change = clock.now()
    pause = _FIRST_PAUSE
    seen: object = _NOTHING
    while True:
        try:
            reading = read()
        except (Unavailable, Busy):
            if clock.now() - last_change > patience:
                raise
        else:
            last_change = clock.now()
            if facts(reading) != seen:
                seen, pause = facts(reading), _FIRST_PAUSE
                if on_change is not None:
                    on_change(reading)
            if is_done(reading):
                return reading
        if timeout is not None and clock.now() - started >= timeout:
            raise WaitTimedOut(f"waited {timeout:g} s for {waiting_for}", code="wait_timed_out")
        clock.sleep(pause)
        pause = min(pause * _GROWTH, _MAX_PAUSE)


_NOTHING = object()
