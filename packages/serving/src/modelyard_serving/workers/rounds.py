"""Tracks a command that every worker must apply, such as loading the model: which workers have not yet done so, and
what to call when all have. Pure: it sends nothing."""

import itertools
from collections.abc import Callable, Hashable, Iterable
from enum import StrEnum
from typing import Generic, TypeVar

Member = TypeVar("Member", bound=Hashable)


class Verb(StrEnum):
    """The commands."""

    LOAD = "load"
    UNLOAD = "unload"


class Rounds(Generic[Member]):
    """The open rounds of commands."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, _Round[Member]] = {}
        self.is_unloaded = False
        """The state for workers that start later."""

    def begin(self, verb: Verb, members: Iterable[Member], answer: Callable[[str | None], None]) -> int:
        """Open a round. `answer` is called with the first error when all members are done or gone."""
        number = next(self._numbers)
        self.is_unloaded = verb is Verb.UNLOAD
        self._open[number] = _Round(set(members), answer)
        self._close_finished()
        return number

    def done(self, number: int, member: Member, error: str | None) -> None:
        """One member is done, or failed with `error`."""
        if number in self._open:
            self._open[number].note(member, error)
        self._close_finished()

    def gone(self, member: Member) -> None:
        """A member has exited: its successor starts with the current state."""
        for open_round in self._open.values():
            open_round.note(member, None)
        self._close_finished()

    def _close_finished(self) -> None:
        for number, open_round in list(self._open.items()):
            if not open_round.missing:
                del self._open[number]
                open_round.answer(open_round.error)


class _Round(Generic[Member]):
    def __init__(self, missing: set[Member], answer: Callable[[str | None], None]) -> None:
        self.missing = missing
        self.answer = answer
        self.error: str | None = None

    def note(self, member: Member, error: str | None) -> None:
        self.missing.discard(member)
        self.error = self.error or error
