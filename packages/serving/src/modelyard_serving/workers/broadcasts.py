"""Tracks a command that every worker must apply, such as loading the model: which workers have not yet done so, and
what to call when all have. Pure: it sends nothing."""

import itertools
from collections.abc import Callable, Hashable, Iterable
from enum import StrEnum
from typing import Generic, TypeVar

Member = TypeVar("Member", bound=Hashable)


class Command(StrEnum):
    """The commands."""

    LOAD = "load"
    UNLOAD = "unload"


class Broadcasts(Generic[Member]):
    """The open broadcasts of commands."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, _Broadcast[Member]] = {}
        self.is_unloaded = False
        """The state for workers that start later."""

    def begin(self, command: Command, members: Iterable[Member], answer: Callable[[str | None], None]) -> int:
        """Open a broadcast. `answer` is called with the first error when all members are done or gone."""
        number = next(self._numbers)
        self.is_unloaded = command is Command.UNLOAD
        self._open[number] = _Broadcast(set(members), answer)
        self._close_finished()
        return number

    def done(self, number: int, member: Member, error: str | None) -> None:
        """One member is done, or failed with `error`."""
        if number in self._open:
            self._open[number].note(member, error)
        self._close_finished()

    def worker_exited(self, member: Member) -> None:
        """A member has exited: its successor starts with the current state."""
        for broadcast in self._open.values():
            broadcast.note(member, None)
        self._close_finished()

    def _close_finished(self) -> None:
        for number, broadcast in list(self._open.items()):
            if not broadcast.missing:
                del self._open[number]
                broadcast.answer(broadcast.error)


class _Broadcast(Generic[Member]):
    def __init__(self, missing: set[Member], answer: Callable[[str | None], None]) -> None:
        self.missing = missing
        self.answer = answer
        self.error: str | None = None

    def note(self, member: Member, error: str | None) -> None:
        self.missing.discard(member)
        self.error = self.error or error
