"""The schedule policy of a request: the reserved parameters `priority` and `timeout`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.elements import describe_value

_MAX_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """The scheduling parameters of a request."""

    priority: int = 0
    """1 is the highest; 0 leaves it to the server, which puts it last."""
    timeout_s: float | None = None
    """How long the caller waits."""


DEFAULT_SCHEDULE = Schedule()


def schedule_of(parameters: Mapping[str, Any] | None, timeout_s: float | None = None) -> Schedule:
    """The schedule of a request's parameters; `timeout` is in microseconds, 0 is none.

    Args:
        timeout_s: how long the caller waits in any case; the shorter one counts.

    Raises:
        InvalidInput: either of them is not a whole number of at least 0.
    """
    if not parameters:
        return DEFAULT_SCHEDULE if timeout_s is None else Schedule(timeout_s=timeout_s)
    priority = _whole(parameters, "priority")
    timeout_us = _whole(parameters, "timeout")
    waits = [seconds for seconds in (timeout_us / 1e6 or None, timeout_s) if seconds is not None]
    return Schedule(priority, min(waits, default=None))


def _whole(parameters: Mapping[str, Any], name: str) -> int:
    value = parameters.get(name, 0)
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_INT64:
        raise InvalidInput(
            f"parameter {name!r} must be a whole number of at least 0, and below 2^63, not {describe_value(value)}"
        )
    return value
