"""The parameters of a version: numbers, booleans and texts, read from a tracker that keeps all of them as text. Pure.

MLflow writes a parameter as `str(value)`. A text is read as a value only if that value is written as this very text, so
`200`, `0.05` and `True` become 200, 0.05 and true, while `007`, `1e400`, `true` and `None` stay what they are.
"""

import math
from collections.abc import Mapping
from typing import TypeAlias

from modelyard.errors import Invalid

ParameterValue: TypeAlias = bool | int | float | str

_EXACT = 2**53
"""From here on a reader of JSON may lose digits: such a number stays a text."""
_LONGEST_NUMBER = 30
_BOOLEANS = {"True": True, "False": False}


def read_parameter(text: str) -> ParameterValue:
    """The value that a run logged as this text, where its type is certain; else the text."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if len(text) > _LONGEST_NUMBER or not text.isascii():
        return text
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if is_exact(value) and str(value) == text:
            return value
    return text


def is_exact(value: ParameterValue) -> bool:
    """Whether it is a boolean, or a number that every reader of JSON takes for the same."""
    return not isinstance(value, str) and math.isfinite(value) and abs(value) < _EXACT


def read_parameters(texts: Mapping[str, str]) -> dict[str, ParameterValue]:
    """The parameters of a run."""
    return {name: read_parameter(text) for name, text in texts.items()}


def refuse_contradiction(logged: Mapping[str, str], given: Mapping[str, ParameterValue]) -> None:
    """Let nobody say of a run that it had other parameters than it logged; their types may be corrected.

    Raises:
        Invalid: code `parameter_contradicted`.
    """
    for name, value in given.items():
        if name not in logged or str(value) == logged[name]:
            continue
        if value != (expected := read_parameter(logged[name])):
            raise Invalid(
                f"parameters.{name[:80]}: expected {expected!r}, as the run logged it, or none, got {value!r}",
                code="parameter_contradicted",
                field=f"parameters.{name[:80]}",
            )
