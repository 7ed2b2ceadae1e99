"""Broadcasts: everyone is asked, and the answer comes when the last one has done it or is gone."""

import random

from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.workers.broadcasts import Broadcasts, Command


class TestBroadcasts:
    def test_the_answer_comes_with_the_last_one(self) -> None:
        broadcasts, workers_serve = Broadcasts[str](), list[str | None]()
        number = broadcasts.begin(Command.LOAD, ["a", "b"], workers_serve.append)
        broadcasts.done(number, "a", None)
        assert workers_serve == []
        broadcasts.done(number, "b", None)
        assert workers_serve == [None]

    def test_the_first_error_is_the_answer(self) -> None:
        broadcasts, workers_serve = Broadcasts[str](), list[str | None]()
        number = broadcasts.begin(Command.LOAD, ["a", "b"], workers_serve.append)
        broadcasts.done(number, "a", "broken")
        broadcasts.done(number, "b", "broken too")
        assert workers_serve == ["broken"]

    def test_nobody_waits_for_who_is_gone_or_for_nobody(self) -> None:
        broadcasts, workers_serve = Broadcasts[str](), list[str | None]()
        broadcasts.begin(Command.UNLOAD, ["a"], workers_serve.append)
        broadcasts.worker_exited("a")
        broadcasts.begin(Command.UNLOAD, [], workers_serve.append)
        assert workers_serve == [None, None]

    def test_the_last_command_is_what_a_later_worker_gets(self) -> None:
        broadcasts = Broadcasts[str]()
        broadcasts.begin(Command.UNLOAD, [], lambda _: None)
        assert broadcasts.is_unloaded
        broadcasts.begin(Command.LOAD, [], lambda _: None)
        assert not broadcasts.is_unloaded

    @given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 4))), max_size=5), st.randoms())
    def test_every_broadcast_is_answered_exactly_once_in_whatever_order(
        self, asked: list[tuple[int, set[int]]], dice: random.Random
    ) -> None:
        broadcasts = Broadcasts[int]()
        workers_serve = [0] * len(asked)
        events: list[tuple[int, int]] = []
        for index, (_, members) in enumerate(asked):

            def answer(_: str | None, index: int = index) -> None:
                workers_serve[index] += 1

            number = broadcasts.begin(Command.LOAD, members, answer)
            events += [(number, member) for member in members] * 2
        dice.shuffle(events)
        for number, member in events:
            broadcasts.done(number, member, None)
        assert workers_serve == [1] * len(asked)
