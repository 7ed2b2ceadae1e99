"""`modelyard register`: the next version of a model, from a run, a logged model, or a file or folder here."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from modelyard_client.cli.catalogue_options import DescriptionOption, TagOption, numbers, pairs, values
from modelyard_client.cli.connection import connect
from modelyard_client.cli.job_end import require_success
from modelyard_client.cli.options import (
    BestOfOption,
    HomeOption,
    LoggedModelOption,
    Output,
    OutputOption,
    UrlOption,
    WaitOption,
    WaitSecondsOption,
    waiting,
)
from modelyard_client.cli.progress import wait_for_job
from modelyard_client.cli.terminal import print_facts, print_json, say
from modelyard_client.cli.transfer import transfer_bar

if TYPE_CHECKING:
    from modelyard_client import Client
    from modelyard_client.models import Version


ModelSource = Annotated[
    Path | None, typer.Argument(help="An MLflow model's folder, an archive of one, or a model in one file.")
]
RunOption = Annotated[str | None, typer.Option("--run", help="An MLflow run.", metavar="ID")]
JobOption = Annotated[
    str | None, typer.Option("--job", help="A training job that has ended, well or not.", metavar="ID")
]
ModelUriOption = Annotated[
    str | None, typer.Option("--model-uri", help="models:/m-… or runs:/<run>/<name>.", metavar="URI")
]
MetricOption = Annotated[
    list[str] | None,
    typer.Option("--metric", help="A metric, as a claim of yours; may be repeated.", metavar="KEY=NUMBER"),
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--param", help="A parameter: a number, true, false or a text; may be repeated.", metavar="KEY=VALUE"),
]
LibraryOption = Annotated[
    list[str] | None,
    typer.Option("--requirement", "-r", help="What loads a model in one file; may be repeated.", metavar="NAME"),
]


def register(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    path: ModelSource = None,
    *,
    run: RunOption = None,
    model_uri: ModelUriOption = None,
    job: JobOption = None,
    logged_model: LoggedModelOption = None,
    best_of: BestOfOption = None,
    description: DescriptionOption = None,
    tag: TagOption = None,
    metric: MetricOption = None,
    param: ParameterOption = None,
    requirement: LibraryOption = None,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Register the next version of a model. An upload that broke off goes on when the command is run again.

    \b
    Examples:
      modelyard register churn --run 4f6c0d1e2b3a4958a7b6c5d4e3f20119 --tag team=growth
      modelyard register churn ./mlruns/model --metric auc=0.93 --param depth=3
      modelyard register churn net.onnx
      modelyard register churn --job job-4f6c0d1e2b3a4958a7b6c5d4e3f20119 --best-of accuracy
    """
    if [path, run, model_uri, job].count(None) != 3:
        raise typer.BadParameter("expected exactly one of PATH, --run, --model-uri and --job")
    if (logged_model or best_of) and run is None and job is None:
        raise typer.BadParameter("--logged-model and --best-of choose among the models of a --run or a --job")
    facts = _Facts(
        description=description or "",
        tags=pairs(tag, option="--tag"),
        metrics=numbers(metric, option="--metric"),
        parameters=values(param, option="--param"),
    )
    waits = waiting(wait=wait, wait_seconds=wait_seconds)
    with connect(url, home) as client:
        if path is None:
            found = client.models.register(
                model,
                run_id=run,
                model_uri=model_uri,
                job_id=job,
                logged_model=logged_model,
                best_of=best_of,
                **facts,
            )
            _print(found, output)
            return
        job_id = _upload(client, model, path, facts, requirements=requirement or ())
        if waits:
            _print(_registered(client, model, job_id, seconds=wait_seconds), output)
        else:
            _tell_job(job_id, output)


class _Facts(TypedDict):
    """The metadata of a version besides its files."""

    description: str
    tags: dict[str, str]
    metrics: dict[str, float]
    parameters: dict[str, bool | float | str]


def _upload(client: "Client", model: str, path: Path, facts: _Facts, *, requirements: Sequence[str]) -> str:
    with transfer_bar(path.name) as update:
        return client.uploads.register(model, path, requirements=requirements, progress=update, **facts)


def _registered(client: "Client", model: str, job_id: str, *, seconds: float | None) -> "Version":
    job = wait_for_job(client, job_id, shows_log=False, seconds=seconds)
    require_success(job)
    return client.versions.get(model, job.model_version or 0)


def _tell_job(job_id: str, output: Output) -> None:
    if output is Output.JSON:
        print_json({"job_id": job_id})
    else:
        say(f"{job_id} registers it; `modelyard jobs show {job_id}` shows its status")


def _print(version: "Version", output: Output) -> None:
    if output is Output.JSON:
        print_json(version)
    else:
        print_facts({"model": version.name, "version": version.version, "artifacts": version.artifact_uri})
