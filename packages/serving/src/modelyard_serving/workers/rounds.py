"""The supervisor's side of loading and unloading the model in every worker: who has not yet done it, and whom to answer
when the last one has. Pure: it sends nothing."""

import itertools
from collections.abc import Callable, Hashable, Iterable
from enum import StrEnum
from typing import Generic, TypeVar

Member = TypeVar("Member", bound=Hashable)


class Verb(StrEnum):
    """What is done with the model."""

    LOAD = "load"
    UNLOAD = "unload"


class Rounds(Generic[Member]):
    """The supervisor's side: which workers have not yet done what was asked for, and whom to answer."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, _Round[Member]] = {}
        self.is_unloaded = False
        """What a worker that starts later is told."""

    def begin(self, verb: Verb, members: Iterable[Member], answer: Callable[[str | None], None]) -> int:
        """Open a round. `answer` is called when all members have done it, or are gone, with the first error."""
        number = next(self._numbers)
        self.is_unloaded = verb is Verb.UNLOAD
        self._open[number] = _Round(set(members), answer)
        self._close_finished()
        return number

    def done(self, number: int, member: Member, error: str | None) -> None:
        """One member has done it, or tells why not."""
        if number in self._open:
            self._open[number].note(member, error)
        self._close_finished()

    def gone(self, member: Member) -> None:
        """A member is not there any more: whoever follows it starts with the model as it is now."""
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
