"""What was in production when, as bars on one line. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WIDTH = 1000
_NARROWEST = 3
_LABEL_WIDTH = 34


@dataclass(frozen=True, slots=True)
class Bar:
    """A stay in production, in units of the picture's width."""

    x: float
    width: float
    version: int
    title: str
    since: str
    is_chosen: bool
    is_labelled: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture: its bars from left to right, and where the chosen moment is."""

    bars: Sequence[Bar]
    first: str
    last: str
    mark: float | None


def timeline(stays: Sequence[Mapping[str, Any]], *, now: datetime, chosen: str | None) -> Timeline | None:
    """Bars of stays as the API lists them, the last one first; None when there was none."""
    if not stays:
        return None
    begin = min(datetime.fromisoformat(stay["since"]) for stay in stays)
    end = max(now, *(datetime.fromisoformat(stay["until"] or stay["since"]) for stay in stays))
    length = max((end - begin).total_seconds(), 1.0)

    def place(moment: datetime) -> float:
        return round(max(0.0, min(1.0, (moment - begin).total_seconds() / length)) * WIDTH, 2)

    moment = None if chosen is None else _moment(chosen)
    bars = []
    for stay in reversed(stays):
        since = datetime.fromisoformat(stay["since"])
        until = end if stay["until"] is None else datetime.fromisoformat(stay["until"])
        x = place(since)
        width = max(place(until) - x, _NARROWEST)
        left = "is live" if stay["until"] is None else f"until {stay['until']}"
        bars.append(
            Bar(
                x=min(x, WIDTH - width),
                width=width,
                version=stay["version"],
                title=f"version {stay['version']}, from {stay['since']}, {left}, by {stay['by']}",
                since=stay["since"],
                is_chosen=moment is not None and since <= moment and (stay["until"] is None or moment < until),
                is_labelled=width >= _LABEL_WIDTH,
            )
        )
    mark = None if moment is None else place(moment)
    return Timeline(bars, begin.isoformat(), end.isoformat(), mark)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
