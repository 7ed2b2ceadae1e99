"""`modelyard outcomes`: record, report."""

import csv
import math
from pathlib import Path
from typing import Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import print_facts, print_json, print_table, say

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What really happened after answers, by request id: record, report.",
)
_AT_ONCE = 1_000
ModelArgument = Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")]
MetricOption = Annotated[str, typer.Option("--metric", help="What was measured.", metavar="NAME")]


@app.command()
def record(
    model: ModelArgument,
    file: Annotated[Path, typer.Argument(help="CSV with the columns request_id and value.", metavar="FILE")],
    *,
    metric: MetricOption = "outcome",
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Record what happened, by the request ids of the answers. Sent again it changes nothing.

    \b
    Examples:
      modelyard outcomes record churn outcomes.csv --metric bought
    """
    given = list(_read(file).items())
    with connect(url, home) as client:
        parts = [
            client.outcomes.record(model, dict(given[start : start + _AT_ONCE]), metric=metric)
            for start in range(0, len(given), _AT_ONCE)
        ]
    names = ("recorded", "repeated", "contradicting", "unknown")
    print_facts({name: sum(getattr(part, name) for part in parts) for name in names})


@app.command()
def report(
    model: ModelArgument,
    *,
    control: Annotated[int, typer.Option("--control", min=1, help="The version to compare with.", metavar="N")],
    candidate: Annotated[int, typer.Option("--candidate", min=1, help="The other version.", metavar="N")],
    metric: MetricOption = "outcome",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Compare two versions by what happened, with bounds that hold however often one looks.

    \b
    Examples:
      modelyard outcomes report churn --control 3 --candidate 4 --metric bought
    """
    with connect(url, home) as client:
        found = client.outcomes.report(model, control=control, candidate=candidate, metric=metric)
    if output is Output.JSON:
        print_json(found)
        return
    versions = (found.control, found.candidate)
    print_table(
        ("version", "answers", "outcomes", "mean"),
        ((one.version, one.answers, one.outcomes, one.mean) for one in versions),
    )
    if found.difference is None:
        say("too little data for a difference")
        return
    sure = "certain" if found.difference["is_certain"] else "not certain"
    bounds = f"between {found.difference['low']:.4g} and {found.difference['high']:.4g}"
    say(f"version {candidate} less version {control}: {found.difference['estimate']:.4g}, {bounds}, {sure}")


def _read(file: Path) -> dict[str, float]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return {row["request_id"]: _number(row["value"]) for row in csv.DictReader(lines)}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise typer.BadParameter(f"{file}: expected CSV with request_id and value, a number: {error}") from error


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
