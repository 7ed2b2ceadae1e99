"""The way of a guardrail's evidence over the requests of the candidate, in few points. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.analysis.guardrails import Standing

MOST_POINTS = 96
"""Its state stays small, and a picture needs no more."""
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Point:
    """What the evidence was after so many requests: e-values as decimal logarithms."""

    requests: int
    worse: float
    not_worse: float

    @classmethod
    def of(cls, requests: int, standing: Standing) -> "Point":
        """After a look."""
        return cls(requests, round(standing.worse, _DIGITS), round(standing.not_worse, _DIGITS))


Trail = tuple[Point, ...]


def grown(trail: Trail, point: Point) -> Trail:
    """The trail with one point more. When there are too many, the one goes whose neighbours are the nearest to each
    other, so that what is left covers all requests evenly; the first and the last ones stay."""
    longer = (*trail, point)
    if len(longer) <= MOST_POINTS:
        return longer
    near = min(range(1, len(longer) - 1), key=lambda place: longer[place + 1].requests - longer[place - 1].requests)
    return longer[:near] + longer[near + 1 :]


def to_json(trail: Trail) -> list[list[float]]:
    """As plain values."""
    return [[point.requests, point.worse, point.not_worse] for point in trail]


def of_json(content: Sequence[Sequence[Any]]) -> Trail:
    """The same, read."""
    return tuple(Point(int(requests), worse, not_worse) for requests, worse, not_worse in content)
