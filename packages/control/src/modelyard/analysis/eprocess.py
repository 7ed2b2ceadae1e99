"""A mixture e-process: evidence against a null hypothesis that may be looked at after every request. Pure.

Under the null hypothesis its expected value is at most 1 at any time that one may stop, so it ever reaches 1 / alpha
with a probability of at most alpha (Ville's inequality). It is the mean, over some alternatives, of products of
likelihood ratios; its state is one logarithm for each alternative, and an update costs the same after a million
requests as after the first.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LogRatio = Callable[[float], float]
"""The log likelihood ratio of new data for an alternative."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """The alternatives, and the share of the bet that is on each."""

    alternatives: tuple[float, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.alternatives) != len(self.shares) or not math.isclose(sum(self.shares), 1.0):
            raise ValueError(f"expected a share for each alternative and a sum of 1, got {self.shares}")

    @property
    def start(self) -> tuple[float, ...]:
        """The state before any data."""
        return (0.0,) * len(self.alternatives)

    def update(self, state: Sequence[float], log_ratio: LogRatio) -> tuple[float, ...]:
        """The state after new data."""
        return tuple(log + log_ratio(one) for log, one in zip(state, self.alternatives, strict=True))

    def log_evidence(self, state: Sequence[float]) -> float:
        """The logarithm of the e-process."""
        terms = [math.log(share) + log for share, log in zip(self.shares, state, strict=True)]
        largest = max(terms)
        return largest + math.log(sum(math.exp(term - largest) for term in terms))
