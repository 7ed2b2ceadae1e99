"""Conditions that every write of the present thread must meet, checked inside of the write's own transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection

Check = Callable[[Connection], None]
"""Raises when the transaction may not go on."""

_checks: ContextVar[tuple[tuple[str, Check], ...]] = ContextVar("fences", default=())


@contextmanager
def fenced(name: str, check: Check) -> Iterator[None]:
    """Whatever is written inside of the block is written only if the check passes in the same transaction.

    Args:
        name: of the row that the check locks.
    """
    token = _checks.set((*_checks.get(), (name, check)))
    try:
        yield
    finally:
        _checks.reset(token)


@contextmanager
def unfenced() -> Iterator[None]:
    """What is written inside of the block depends on no check of the blocks around it."""
    token = _checks.set(())
    try:
        yield
    finally:
        _checks.reset(token)


def pass_fences(connection: Connection) -> None:
    """Run the checks of the present thread in the order of their names, so that no two transactions deadlock."""
    for _, check in sorted(_checks.get(), key=lambda fence: fence[0]):
        check(connection)
