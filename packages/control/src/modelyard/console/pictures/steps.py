"""The steps of a roll-out as a staircase: the candidate's share from step to step, and where it stands. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 1000, 120
_TOP, _BOTTOM = 14, 112
_LEAST = 3.0
"""The height of a stair without a share."""


@dataclass(frozen=True, slots=True)
class Stair:
    """One step: how high the candidate's share is in it."""

    x: float
    y: float
    width: float
    height: float
    state: str
    """`done`, `current` or `ahead`."""
    kind: str
    title: str


def stairs(rollout: Mapping[str, Any]) -> Sequence[Stair]:
    """Of a roll-out as the API has it."""
    steps = rollout["plan"]["steps"]
    width = WIDTH / len(steps)
    share, found = 0.0, []
    for number, (step, title) in enumerate(zip(steps, rollout["steps"], strict=True)):
        (kind,) = (name for name, value in step.items() if value is not None)
        share = _share(kind, step[kind], share)
        height = max(_LEAST, (_BOTTOM - _TOP) * share / 100)
        found.append(
            Stair(
                x=round(number * width + 2, 1),
                y=round(_BOTTOM - height, 1),
                width=round(width - 4, 1),
                height=round(height, 1),
                state=_state(rollout, number),
                kind=kind,
                title=f"{title}: {share:g} % of the requests",
            )
        )
    return found


def _share(kind: str, value: Any, before: float) -> float:
    if kind == "full":
        return 100.0
    return float(value) if kind == "weight" else before


def _state(rollout: Mapping[str, Any], number: int) -> str:
    if rollout["status"] in {"done", "warm"} or number < rollout["step"]:
        return "done"
    is_here = number == rollout["step"] and rollout["status"] not in {"rolled_back", "rolling_back"}
    return "current" if is_here else "ahead"
