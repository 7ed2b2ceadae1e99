"""An interval for the difference of two means that holds however often one looks. Pure.

An asymptotic confidence sequence (I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas: "Time-uniform central
limit theory and asymptotic confidence sequences"): it needs three sums of each version, so outcomes may come late and
in any order, and whatever they are measured in. It is narrowest, for its size, about `TUNED_FOR` outcomes.
"""

import math
from dataclasses import dataclass

MIN_OUTCOMES = 30
"""Of each version: with fewer the variance is hardly known, and no interval is given."""
TUNED_FOR = 500


@dataclass(frozen=True, slots=True)
class Sums:
    """Outcomes of one version."""

    count: int = 0
    total: float = 0.0
    total_of_squares: float = 0.0

    @property
    def mean(self) -> float | None:
        """None without any outcome."""
        return self.total / self.count if self.count else None

    @property
    def variance(self) -> float:
        """Of one outcome; 0 without any."""
        return max(0.0, self.total_of_squares / self.count - (self.total / self.count) ** 2) if self.count else 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.count + other.count, self.total + other.total, self.total_of_squares + other.total_of_squares)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more the mean of one version is than that of the other, and between which bounds it truly lies."""

    estimate: float
    low: float
    high: float
    alpha: float

    @property
    def is_certain(self) -> bool:
        """Whether the bounds leave out that there is no difference."""
        return self.low > 0 or self.high < 0


def difference(candidate: Sums, control: Sums, *, alpha: float = 0.05) -> Difference | None:
    """The candidate's mean less the control's; None while either has too few outcomes, or while all are equal."""
    if min(candidate.count, control.count) < MIN_OUTCOMES or candidate.mean is None or control.mean is None:
        return None
    among_all = (candidate + control).variance
    if not among_all:
        return None
    # Outcomes of one version that are equal so far may yet differ: as if one among all were different.
    parts = [max(one.variance, among_all / one.count / 4) / one.count for one in (candidate, control)]
    estimate = candidate.mean - control.mean
    # As many outcomes of equal variance on both sides would give the same spread.
    size = 1 / (1 / candidate.count + 1 / control.count)
    radius = math.sqrt(sum(parts)) * _boundary(size, alpha)
    return Difference(estimate, estimate - radius, estimate + radius, alpha)


def _boundary(size: float, alpha: float) -> float:
    """How many standard errors the bounds are away, for every size at once (a normal mixture)."""
    tuning = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / TUNED_FOR
    grown = size * tuning + 1
    return math.sqrt(2 * grown / (size * tuning) * math.log(math.sqrt(grown) / alpha))
