"""What `-C key=value` may say. Pure: it reads texts and numbers, and refuses by name what a call cannot honour."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard_client.autoscaling import Autoscaling
from modelyard_client.errors import Invalid
from modelyard_client.resources import Resources

_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_AUTOSCALING = ("min_replicas", "max_replicas", "cpu_percent")
_WAITING = ("wait", "wait_seconds")
_RESOURCES = ("cpu", "memory_mb", "gpus")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _whole(value: object) -> int:
    number = _number(value)
    if not number.is_integer():
        raise ValueError
    return int(number)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _truth(value: object) -> bool:
    return value if isinstance(value, bool) else _TRUTHS[str(value).lower()]


_Reader = tuple[Callable[[object], Any], str]
_READERS: dict[str, _Reader] = {
    **dict.fromkeys(("replicas", "gpus", *_AUTOSCALING, "version"), (_whole, "a whole number")),
    **dict.fromkeys(("cpu", "memory_mb", "wait_seconds"), (_number, "a number")),
    **dict.fromkeys(("wait", "open"), (_truth, "true or false")),
    **dict.fromkeys(("target", "namespace", "path", "display_name", "model", "stage", "deployment"), (_text, "a text")),
}
CREATE = ("replicas", "target", "namespace", *_RESOURCES, *_AUTOSCALING, *_WAITING)
UPDATE = ("replicas", *_AUTOSCALING, *_WAITING)
DELETE = _WAITING
ANSWERING = ("model", "version", "stage", "deployment")
CREATE_ENDPOINT = (*ANSWERING, "path", "display_name", "open")
UPDATE_ENDPOINT = (*ANSWERING, "display_name", "open")


def read(config: Mapping[str, Any] | None, allowed: Iterable[str]) -> dict[str, Any]:
    """The values of a configuration, each of its own type.

    Raises:
        Invalid: a key that this call does not have, or a value that is not of its type.
    """
    names = tuple(allowed)
    return {key: _value(str(key), value, names) for key, value in (config or {}).items()}


def _value(key: str, value: object, allowed: tuple[str, ...]) -> Any:
    if key not in allowed:
        fixed = " cannot be changed of a deployment that is there;" if key in CREATE else ""
        expected = ", ".join(allowed)
        raise Invalid(f"config: {key!r}{fixed} expected {expected}", code="config_unknown", field=key)
    parse, expected = _READERS[key]
    try:
        return parse(value)
    except (TypeError, ValueError, KeyError) as error:
        raise Invalid(f"config {key}: expected {expected}, got {value!r}", code="config_invalid", field=key) from error


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whether a call returns when the deployment is as wanted, and how many seconds it waits at most."""

    waits: bool
    seconds: float | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Waiting":
        """As MLflow expects: a call waits unless it is said not to."""
        return cls(waits=values.get("wait", True), seconds=values.get("wait_seconds"))


def resources_of(values: Mapping[str, Any]) -> Resources | None:
    """What each replica gets; None where nothing is said."""
    given = {name: values[name] for name in _RESOURCES if name in values}
    return Resources(**given) if given else None


def autoscaling_of(values: Mapping[str, Any]) -> Autoscaling | None:
    """The bounds; None where nothing is said.

    Raises:
        Invalid: bounds without a highest number.
    """
    given = {name: values[name] for name in _AUTOSCALING if name in values}
    if given and "max_replicas" not in given:
        named = ", ".join(given)
        raise Invalid(f"config {named}: expected with max_replicas", code="config_invalid", field="max_replicas")
    return Autoscaling(**given) if given else None
