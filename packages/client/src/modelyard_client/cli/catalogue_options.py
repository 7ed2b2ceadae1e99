"""Options of the commands that search and edit the catalogue, and what they are read to."""

import json
import math
from collections.abc import Sequence
from typing import Annotated

import typer

_EXACT = 2**53
"""From here on a number may lose digits on its way, so it is sent as text."""

TagFilterOption = Annotated[
    list[str] | None, typer.Option("--tag", help="Only with this tag; may be repeated.", metavar="KEY=VALUE")
]
MetricFilterOption = Annotated[
    list[str] | None,
    typer.Option("--metric", help="Only where this holds, like 'auc>=0.9'; may be repeated.", metavar="CONDITION"),
]
StageFilterOption = Annotated[str | None, typer.Option("--stage", help="Only in this stage.", metavar="STAGE")]
TextOption = Annotated[str | None, typer.Option("--text", help="Only with these words.", metavar="TEXT")]
OrderOption = Annotated[
    str | None, typer.Option("--order", help="By what; with a hyphen before it, backwards.", metavar="FIELD")
]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.", metavar="KEY=VALUE")]
RemoveTagOption = Annotated[
    list[str] | None, typer.Option("--remove-tag", help="A tag that goes; may be repeated.", metavar="KEY")
]
DescriptionOption = Annotated[str | None, typer.Option("--description", help="What it is.", metavar="TEXT")]


def pairs(texts: Sequence[str] | None, *, option: str) -> dict[str, str]:
    """What was said as KEY=VALUE.

    Raises:
        typer.BadParameter: one is not of that form.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{option}: expected KEY=VALUE, got {text!r}")
        found[key] = value
    return found


def numbers(texts: Sequence[str] | None, *, option: str) -> dict[str, float]:
    """What was said as KEY=NUMBER.

    Raises:
        typer.BadParameter: one is not of that form.
    """
    found: dict[str, float] = {}
    for key, value in pairs(texts, option=option).items():
        found[key] = _number(value)
        if not math.isfinite(found[key]):
            raise typer.BadParameter(f"{option}: expected a finite number for {key!r}, got {value!r}")
    return found


def _number(text: str) -> float:
    """The number that is written there; NaN when it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def values(texts: Sequence[str] | None, *, option: str) -> dict[str, bool | float | str]:
    """What was said as KEY=VALUE, as JSON reads it where that writes it the same way, else as text: `007` is a text.

    Raises:
        typer.BadParameter: one is not of that form.
    """
    return {key: _value(text) for key, text in pairs(texts, option=option).items()}


def _value(text: str) -> bool | float | str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    is_plain = isinstance(value, bool | int | float) and json.dumps(value) == text
    return value if is_plain and abs(value) < _EXACT else text


def tag_changes(set_to: Sequence[str] | None, remove: Sequence[str] | None) -> dict[str, str | None]:
    """Tags that are set, and with None those that go."""
    return {**pairs(set_to, option="--tag"), **dict.fromkeys(remove or ())}
