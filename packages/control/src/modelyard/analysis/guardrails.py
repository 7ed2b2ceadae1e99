"""Guardrails: is a version worse than the one in production, not worse by more than a margin, or is there too little
data? Pure.

Each guardrail tests two null hypotheses at the same time, both as e-processes, so one may look after every request:
that the version is no worse, whose refutation takes it back, and that it is worse by at least the margin, whose
refutation lets it go on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Any

from modelyard.analysis.counts import NONE, Counts
from modelyard.analysis.eprocess import Mixture
from modelyard.analysis.likelihood import log_ratio_of_odds, log_ratio_of_rates


class Verdict(StrEnum):
    """What a guardrail says."""

    WORSE = "worse"
    NOT_WORSE = "not_worse"
    """By more than the margin."""
    TOO_LITTLE_DATA = "too_little_data"
    """It pauses a roll-out and never lets it pass."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen so far. It is kept between looks as JSON."""

    worse: tuple[float, ...]
    not_worse: tuple[float, ...]
    below_floor: tuple[float, ...]
    canary: Counts = NONE
    control: Counts = NONE
    pending_canary: Counts = NONE
    pending_control: Counts = NONE
    """Counts of a look at which the other version had no request: they wait for the next one."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        pairs = {name: getattr(self, name) for name in _COUNTS}
        return {
            **{name: list(getattr(self, name)) for name in _LOGS},
            **{name: [counts.trials, counts.events] for name, counts in pairs.items()},
        }

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "Evidence":
        """The same, read."""
        logs = {name: tuple(content[name]) for name in _LOGS}
        counts = {name: Counts(*content[name]) for name in _COUNTS}
        return replace(cls((), (), ()), **logs, **counts)  # type: ignore[arg-type]  # Two kinds of fields.


@dataclass(frozen=True, slots=True)
class Standing:
    """How far evidence has come: e-values as decimal logarithms, and the bounds at which they decide."""

    worse: float
    worse_bound: float
    not_worse: float
    """That of the test that is nearer to its bound."""
    not_worse_bound: float

    @property
    def verdict(self) -> Verdict:
        """What follows."""
        if self.worse >= self.worse_bound:
            return Verdict.WORSE
        if self.not_worse >= self.not_worse_bound:
            return Verdict.NOT_WORSE
        return Verdict.TOO_LITTLE_DATA


_LOGS = ("worse", "not_worse", "below_floor")
_COUNTS = ("canary", "control", "pending_canary", "pending_control")

_WORSE_ODDS = Mixture(alternatives=(2.5, 9.0, 45.0), shares=(0.1, 0.6, 0.3))
"""How many times the odds of production: what is a little worse needs many requests in any case, so most of the bet is
on what can be found soon."""
_NOT_WORSE_ODDS = Mixture(alternatives=(1.0, 0.4), shares=(0.7, 0.3))
"""Times the odds of production."""
_BELOW_FLOOR = Mixture(alternatives=(0.02, 0.2), shares=(0.7, 0.3))
"""Times the floor."""


@dataclass(frozen=True, slots=True)
class AgainstProduction:
    """Compares a share of requests of the version under trial with the same share of the version in production."""

    margin: float = 2.0
    """How many times production's odds are too many; more than 1."""
    floor: float = 0.02
    """A share below this one is accepted, whatever production's is: otherwise no data could show that a version without
    any error is as good as another without any."""

    @property
    def start(self) -> Evidence:
        return Evidence(_WORSE_ODDS.start, _NOT_WORSE_ODDS.start, _BELOW_FLOOR.start)

    def look(self, evidence: Evidence, canary: Counts, control: Counts) -> Evidence:
        """The evidence after the requests since the last look."""
        canary, control = evidence.pending_canary + canary, evidence.pending_control + control
        if not canary.trials or not control.trials:
            return replace(evidence, pending_canary=canary, pending_control=control)
        odds = partial(log_ratio_of_odds, canary, control)
        below = partial(log_ratio_of_rates, canary)
        return Evidence(
            worse=_WORSE_ODDS.update(evidence.worse, lambda one: odds(alternative=one, null=1.0)),
            not_worse=_NOT_WORSE_ODDS.update(evidence.not_worse, lambda one: odds(alternative=one, null=self.margin)),
            below_floor=_BELOW_FLOOR.update(
                evidence.below_floor, lambda one: below(alternative=one * self.floor, null=self.floor)
            ),
            canary=evidence.canary + canary,
            control=evidence.control + control,
        )

    def standing(self, evidence: Evidence, *, alpha: float, beta: float) -> Standing:
        """At these levels: of taking back what is no worse, and of letting pass what is worse by the margin."""
        # Worse by the margin means both: above the margin, and above the floor. Either's refutation is enough, at half
        # of the level each.
        not_worse = max(
            _NOT_WORSE_ODDS.log_evidence(evidence.not_worse), _BELOW_FLOOR.log_evidence(evidence.below_floor)
        )
        return _standing(_WORSE_ODDS.log_evidence(evidence.worse), alpha, not_worse, beta / 2)


@dataclass(frozen=True, slots=True)
class AgainstBudget:
    """Compares a share with one that is allowed, where production has none of its own: disagreement of a shadow."""

    allowed: float
    margin: float = 2.0
    """How many times the allowed odds are too many; more than 1."""

    @property
    def start(self) -> Evidence:
        return Evidence(_WORSE_ODDS.start, _NOT_WORSE_ODDS.start, ())

    def look(self, evidence: Evidence, canary: Counts, control: Counts = NONE) -> Evidence:
        """The evidence after what was seen since the last look. There is no control."""
        del control
        rates = partial(log_ratio_of_rates, canary)
        limit = _rate(self.allowed, self.margin)
        return replace(
            evidence,
            worse=_WORSE_ODDS.update(
                evidence.worse, lambda one: rates(alternative=_rate(self.allowed, one), null=self.allowed)
            ),
            not_worse=_NOT_WORSE_ODDS.update(
                evidence.not_worse, lambda one: rates(alternative=_rate(self.allowed, one), null=limit)
            ),
            canary=evidence.canary + canary,
        )

    def standing(self, evidence: Evidence, *, alpha: float, beta: float) -> Standing:
        """As that of `AgainstProduction`."""
        not_worse = _NOT_WORSE_ODDS.log_evidence(evidence.not_worse)
        return _standing(_WORSE_ODDS.log_evidence(evidence.worse), alpha, not_worse, beta)


Test = AgainstProduction | AgainstBudget


def _standing(worse: float, alpha: float, not_worse: float, beta: float) -> Standing:
    """Of natural logarithms."""
    ten = math.log(10)
    return Standing(worse / ten, -math.log(alpha) / ten, not_worse / ten, -math.log(beta) / ten)


def _rate(rate: float, odds: float) -> float:
    """The rate whose odds are so many times those of `rate`."""
    return odds * rate / (1 - rate + odds * rate)


class Guardrail(StrEnum):
    """What is watched."""

    ERRORS = "errors"
    LATENCY = "latency"
    DISAGREEMENT = "disagreement"
    DRIFT = "drift"


_WEIGHTS: Mapping[Guardrail, float] = MappingProxyType(
    {Guardrail.ERRORS: 8.0, Guardrail.LATENCY: 1.0, Guardrail.DISAGREEMENT: 1.0}
)
"""Errors have most of the level: they come singly, and each counts. A slow or a disagreeing version shows in every
request, so that a smaller level costs it a few requests only. Drift is no e-process and has a level of its own
(`analysis/drift.py`)."""


def split_alpha(alpha: float, guardrails: frozenset[Guardrail]) -> Mapping[Guardrail, float]:
    """Each guardrail's part of the level; together they are wrong with a probability of at most `alpha`."""
    tested = guardrails & _WEIGHTS.keys()
    total = sum(_WEIGHTS[one] for one in tested)
    return {one: alpha * _WEIGHTS[one] / total for one in sorted(tested)}
