"""Options that several commands share, said once."""

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


def finite(value: float | None) -> float | None:
    """The number as it is.

    Raises:
        typer.BadParameter: it is infinite, or none.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"expected a finite number, got {value}")
    return value


class Output(StrEnum):
    """The form of an answer on stdout."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="A table for people, or JSON for programs.")]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="The control plane; else MODELYARD_URL, else the local stack.", metavar="URL"),
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The local stack's folder; else MODELYARD_HOME, else ~/.modelyard.", metavar="FOLDER"),
]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end, or return at once.")]
WaitSecondsOption = Annotated[
    float | None,
    typer.Option("--wait-seconds", min=0, callback=finite, help="The longest wait; exit code 7 after it.", metavar="N"),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="The most rows.", metavar="N")]
VersionOption = Annotated[int | None, typer.Option("--version", min=1, help="The model's version.", metavar="N")]
ScriptArgument = Annotated[
    Path,
    typer.Argument(
        help="A Python script or a notebook that logs a model with MLflow, or a project's folder.", metavar="PATH"
    ),
]
ModelNameOption = Annotated[
    str | None, typer.Option("--model", "-m", help="The model's name; else the script's.", metavar="NAME")
]
ReplicasOption = Annotated[int, typer.Option("--replicas", "-n", min=1, help="How many.", metavar="N")]
RequirementsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--requirement",
        "-r",
        help="A package that the script needs; may be repeated. Without any, the script's own "
        "`# /// script` block counts.",
        metavar="NAME",
    ),
]
RequirementsFileOption = Annotated[
    list[Path] | None,
    typer.Option("--requirements-file", "-R", help="A requirements.txt; may be repeated.", metavar="FILE"),
]
ExperimentOption = Annotated[
    str | None, typer.Option("--experiment", help="The MLflow experiment; else the model's name.", metavar="NAME")
]
LoggedModelOption = Annotated[
    str | None, typer.Option("--logged-model", help="Which of several: NAME, m-…, or RUN/NAME.", metavar="NAME")
]
BestOfOption = Annotated[
    str | None,
    typer.Option(
        "--best-of", help="The best of several by this metric: accuracy, min:rmse or max:gain.", metavar="METRIC"
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", min=1, callback=finite, help="Seconds that the script may run.", metavar="N"),
]
RunnerOption = Annotated[
    str | None,
    typer.Option("--runner", help="One of the runners that the operator has configured.", metavar="NAME"),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="The same request with the same key is the same job.", metavar="KEY"),
]
RevisionOption = Annotated[
    int | None,
    typer.Option(
        "--revision",
        min=0,
        help="Only if it is still at this revision, as `show` printed it; default: its current one.",
        metavar="N",
    ),
]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Show the log as it is written.")]
ReferenceArgument = Annotated[str, typer.Argument(help="A deployment's id, or a model's name.", metavar="DEPLOYMENT")]


def waiting(*, wait: bool, wait_seconds: float | None) -> bool:
    """Whether to wait, from both options.

    Raises:
        typer.BadParameter: a longest wait is named, and no wait wanted.
    """
    if wait_seconds is not None and not wait:
        raise typer.BadParameter("--wait-seconds has no meaning with --no-wait")
    return wait
