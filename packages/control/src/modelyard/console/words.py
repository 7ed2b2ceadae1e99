"""How pages say times, sizes and numbers. Pure."""

from datetime import UTC, datetime
from typing import Any

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEPS = ((60, "s"), (60, "min"), (24, "h"), (30, "d"), (12, "mo"))
_KILO = 1024
_NOW_SECONDS = 5
NOTHING = "\u2013"
"""Stands where there is no value."""


def ago(moment: str, *, now: datetime | None = None) -> str:
    """How long ago a moment of ISO 8601 was: `3 min ago`; one that comes: `in 3 min`."""
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()
    if abs(seconds) < _NOW_SECONDS:
        return "now"
    said = span(abs(seconds))
    return f"{said} ago" if seconds > 0 else f"in {said}"


def span(seconds: float | None) -> str:
    """How long something took, in the largest unit that it fills: `850 ms`, `3 min`."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    value, unit = seconds, "y"
    for step, name in _STEPS:
        unit = name
        if value < step:
            break
        value /= step
    else:
        unit = "y"
    return f"{value:.0f} {unit}"


def size(count: int | None) -> str:
    """A number of bytes: `1.2 MiB`."""
    if count is None:
        return NOTHING
    value = float(count)
    for unit in _UNITS:
        if value < _KILO or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KILO
    raise AssertionError


def number(value: Any) -> str:
    """A number as people compare it: five digits that count, thousands apart; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return NOTHING if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    return f"{value:.5g}"
