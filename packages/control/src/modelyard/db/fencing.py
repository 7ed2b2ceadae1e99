"""A condition that every write of the present thread must meet, checked inside of the write's own transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection

Check = Callable[[Connection], None]
"""Raises when the transaction may not go on."""

_checks: ContextVar[tuple[Check, ...]] = ContextVar("fences", default=())


@contextmanager
def fenced(check: Check) -> Iterator[None]:
    """Whatever is written inside of the block is written only if the check passes in the same transaction."""
    token = _checks.set((*_checks.get(), check))
    try:
        yield
    finally:
        _checks.reset(token)


def pass_fences(connection: Connection) -> None:
    """Run the checks of the present thread."""
    for check in _checks.get():
        check(connection)
