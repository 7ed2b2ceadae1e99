"""What an uploaded archive says of itself in its own `config.json` and `metrics.json`: parameters and metrics.

Only the files beside `MLmodel` are meant: those in folders below belong to the model's library. Somebody else wrote
them, so they are bounded, and taken for nothing more than plain values.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.errors import Invalid
from modelyard.registry.metrics import MAX_METRIC_NAME
from modelyard.registry.parameters import ParameterValue, is_exact

CONFIG = "config.json"
METRICS = "metrics.json"
_MAX_BYTES = 1024 * 1024
_MAX_VALUES = 200
_MAX_PARAMETER_NAME = 250
_MAX_PARAMETER_VALUE = 5000
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Sidecars:
    """`left` names the configuration's fields that are no plain values, and so are in the file only."""

    parameters: Mapping[str, ParameterValue]
    metrics: Mapping[str, float]
    left: tuple[str, ...]


NO_SIDECARS = Sidecars({}, {}, ())


def read_sidecars(folder: Path) -> Sidecars:
    """Both files of an unpacked archive; a file that is not there says nothing.

    Raises:
        Invalid: code `config_invalid` or `metrics_invalid`; the sentence names the file and the field.
    """
    config, metrics = _read(folder, CONFIG), _read(folder, METRICS)
    plain = {name: value for name, value in config.items() if isinstance(value, str | int | float)}
    _check_count(CONFIG, plain)
    _check_count(METRICS, metrics)
    return Sidecars(
        parameters={name: _parameter(name, value) for name, value in plain.items()},
        metrics={name: _metric(name, value) for name, value in metrics.items()},
        left=tuple(name for name in config if name not in plain),
    )


def _read(folder: Path, name: str) -> Mapping[str, Any]:
    path = folder / name
    if not path.is_file():
        return {}
    if (size := path.stat().st_size) > _MAX_BYTES:
        raise _invalid(name, f"expected at most {_MAX_BYTES} bytes, got {size}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as exc:
        raise _invalid(name, "expected JSON in UTF-8") from exc
    if not isinstance(content, dict):
        raise _invalid(name, f"expected an object, got {_kind(content)}")
    return content


def _check_count(file: str, values: Mapping[str, Any]) -> None:
    if len(values) > _MAX_VALUES:
        raise _invalid(file, f"expected at most {_MAX_VALUES} values, got {len(values)}")


def _parameter(name: str, value: ParameterValue) -> ParameterValue:
    """The value as it stands there; a number that JSON does not carry exactly becomes its text."""
    _check_name(CONFIG, name, longest=_MAX_PARAMETER_NAME)
    if is_exact(value):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) > _MAX_PARAMETER_VALUE:
        what = f"expected at most {_MAX_PARAMETER_VALUE} characters, got {len(text)}"
        raise _invalid(CONFIG, f"{name[:_SHOWN]}: {what}")
    return text


def _metric(name: str, value: object) -> float:
    _check_name(METRICS, name, longest=MAX_METRIC_NAME)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(METRICS, f"{name[:_SHOWN]}: expected a number, got {_kind(value)}")
    try:
        return float(value)
    except OverflowError as exc:
        raise _invalid(METRICS, f"{name[:_SHOWN]}: expected a number of 64 bits, got a larger one") from exc


def _check_name(file: str, name: str, *, longest: int) -> None:
    if not 0 < len(name) <= longest:
        raise _invalid(file, f"expected names of 1 to {longest} characters, got {name[:_SHOWN]!r}")


def _kind(value: object) -> str:
    kinds: Mapping[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "nothing" if value is None else kinds.get(type(value), "a number")


def _invalid(file: str, what: str) -> Invalid:
    return Invalid(f"{file}: {what}", code=f"{Path(file).stem}_invalid", field=file)
