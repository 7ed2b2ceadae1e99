"""Rounds: everyone is asked, and the answer comes when the last one has done it or is gone."""

import random

from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.workers.rounds import Rounds, Verb


class TestRounds:
    def test_the_answer_comes_with_the_last_one(self) -> None:
        rounds, workers_serve = Rounds[str](), list[str | None]()
        number = rounds.begin(Verb.LOAD, ["a", "b"], workers_serve.append)
        rounds.done(number, "a", None)
        assert workers_serve == []
        rounds.done(number, "b", None)
        assert workers_serve == [None]

    def test_the_first_error_is_the_answer(self) -> None:
        rounds, workers_serve = Rounds[str](), list[str | None]()
        number = rounds.begin(Verb.LOAD, ["a", "b"], workers_serve.append)
        rounds.done(number, "a", "broken")
        rounds.done(number, "b", "broken too")
        assert workers_serve == ["broken"]

    def test_nobody_waits_for_who_is_gone_or_for_nobody(self) -> None:
        rounds, workers_serve = Rounds[str](), list[str | None]()
        rounds.begin(Verb.UNLOAD, ["a"], workers_serve.append)
        rounds.gone("a")
        rounds.begin(Verb.UNLOAD, [], workers_serve.append)
        assert workers_serve == [None, None]

    def test_the_last_verb_is_what_a_later_worker_gets(self) -> None:
        rounds = Rounds[str]()
        rounds.begin(Verb.UNLOAD, [], lambda _: None)
        assert rounds.is_unloaded
        rounds.begin(Verb.LOAD, [], lambda _: None)
        assert not rounds.is_unloaded

    @given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 4))), max_size=5), st.randoms())
    def test_every_round_is_answered_exactly_once_in_whatever_order(
        self, asked: list[tuple[int, set[int]]], dice: random.Random
    ) -> None:
        rounds = Rounds[int]()
        workers_serve = [0] * len(asked)
        events: list[tuple[int, int]] = []
        for index, (_, members) in enumerate(asked):

            def answer(_: str | None, index: int = index) -> None:
                workers_serve[index] += 1

            number = rounds.begin(Verb.LOAD, members, answer)
            events += [(number, member) for member in members] * 2
        dice.shuffle(events)
        for number, member in events:
            rounds.done(number, member, None)
        assert workers_serve == [1] * len(asked)
