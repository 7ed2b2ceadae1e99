"""Ctrl-C, requests to end, and terminals that are closed, while a command works."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_BESIDES_CTRL_C = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """A request to end, or a terminal that is closed, is Ctrl-C."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with _handling(interrupt, *_BESIDES_CTRL_C):
        yield


@contextmanager
def uninterrupted(say: Callable[[], None]) -> Iterator[None]:
    """Go on to the end, for what must not be left half done and takes a limited time. At each signal, say so.

    It is a handler and not `SIG_IGN`, which programs that are started here would inherit. Other threads than the main
    one get no signals.
    """

    def go_on(*_: Any) -> None:
        with suppress(RuntimeError):  # Streams refuse to be written to from within a write.
            say()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handling(go_on, signal.SIGINT, *_BESIDES_CTRL_C):
        yield


@contextmanager
def _handling(handler: Callable[..., None], *numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
