"""The evidence of a guardrail over the requests of a candidate: two e-processes and the bounds at which they decide.

Pure. The scale is a logarithm: 1 is no evidence, and each line upwards is ten times as much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.console.words import number

WIDTH, HEIGHT = 560, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 548, 14, 160
_FLOOR = -1.0
"""Below it a line is not followed: there is no evidence for what it stands for."""
_HEADROOM = 0.6
"""Over the higher bound. More evidence than that changes nothing, and is drawn at the top."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """One e-process, the bound that it has to reach, and where it is now."""

    kind: str
    """`worse` or `not_worse`."""
    points: str
    bound: float
    end: tuple[float, float]
    is_decided: bool


@dataclass(frozen=True, slots=True)
class EvidencePicture:
    """The picture of one guardrail, and what it says in words."""

    curves: Sequence[Curve]
    levels: Sequence[Tick]
    requests: Sequence[Tick]
    description: str


def evidence_picture(guardrail: Mapping[str, Any]) -> EvidencePicture | None:
    """Of a guardrail as the API has it; None before its first look."""
    points = [{"requests": 0, "worse": 0.0, "not_worse": 0.0}, *guardrail["points"]]
    if len(points) == 1:
        return None
    bounds: dict[str, float] = {kind: guardrail[f"{kind}_bound"] for kind in ("worse", "not_worse")}
    top = max(bounds.values()) + _HEADROOM
    most: float = max(points[-1]["requests"], 1)

    def x(requests: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * requests / most, 1)

    def y(level: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (min(max(level, _FLOOR), top) - _FLOOR) / (top - _FLOOR), 1)

    curves = [
        Curve(
            kind=kind,
            points=" ".join(f"{x(point['requests'])},{y(point[kind])}" for point in points),
            bound=y(bound),
            end=(x(points[-1]["requests"]), y(points[-1][kind])),
            is_decided=points[-1][kind] >= bound,
        )
        for kind, bound in bounds.items()
    ]
    step = max(1, round(top / 4))
    levels = [Tick(y(level), number(10**level)) for level in range(0, int(top) + 1, step)]
    return EvidencePicture(
        curves=curves,
        levels=levels,
        requests=[Tick(x(share * most), number(round(share * most))) for share in (0, 0.5, 1)],
        description=_described(guardrail, points[-1], bounds),
    )


def _described(guardrail: Mapping[str, Any], last: Mapping[str, float], bounds: Mapping[str, float]) -> str:
    shares = {kind: max(0.0, min(1.0, last[kind] / bound)) for kind, bound in bounds.items()}
    return (
        f"{guardrail['guardrail']}: after {last['requests']} requests of the candidate the evidence is "
        f"{shares['worse']:.0%} of what 'worse' needs and {shares['not_worse']:.0%} of what 'not worse' needs"
    )
