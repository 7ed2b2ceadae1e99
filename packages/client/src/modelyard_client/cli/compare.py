"""`modelyard compare`: versions side by side, as a table, JSON or a picture."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, UrlOption
from modelyard_client.cli.terminal import print_json, print_line, print_table, shown

if TYPE_CHECKING:
    from modelyard_client.comparison import Comparison

_SIGNS = {"better": "▲", "worse": "▼", "equal": "=", "unknown": "?"}


class Form(StrEnum):
    """The form of a comparison on stdout."""

    TABLE = "table"
    JSON = "json"
    SVG = "svg"


def compare(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    versions: Annotated[list[int], typer.Argument(help="Two or more; the lowest is the baseline.", metavar="N N…")],
    *,
    output: Annotated[Form, typer.Option("--output", "-o", help="For people, programs, or eyes.")] = Form.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Compare versions: metrics, inputs, parameters, tags; and which to take.

    \b
    Examples:
      modelyard compare churn 2 3
      modelyard compare churn 2 3 4 --output svg > churn.svg
    """
    with connect(url, home) as client:
        if output is Form.SVG:
            sys.stdout.write(client.comparisons.picture(model, versions))
            return
        found = client.comparisons.get(model, versions)
    if output is Form.JSON:
        print_json(found)
        return
    _print(found)


def _print(found: "Comparison") -> None:
    print_line(shown(found.recommendation))
    for number, changes in found.breaking_changes.items():
        for change in changes:
            print_line(shown(f"  version {number}: {change}"))
    numbers = [f"version {number}" for number in found.versions]
    print_line("")
    print_table(
        ("metric", "better", *numbers),
        (
            (metric.name, metric.direction, *map(_cell, metric.values, ("", *metric.verdicts[1:]), metric.claimed))
            for metric in found.metrics
        ),
    )
    for title, differences in (("parameter", found.parameters), ("tag", found.tags), ("made of", found.facts)):
        if differences:
            print_line("")
            print_table((title, *numbers), ((item.name, *item.values) for item in differences))
    if found.data:
        print_line("")
        print_table(("data", "is", *numbers), ((row.purpose, row.verdict, *row.values) for row in found.data))


def _cell(value: float | None, verdict: str, is_claimed: bool) -> str:  # noqa: FBT001  # A cell's own fact.
    return f"{shown(value)} {_SIGNS.get(verdict, '')}{' claimed' if is_claimed else ''}".rstrip()
