"""`modelyard register`: the next version of a model, from a run, a logged model, or a file or folder here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.catalogue_options import DescriptionOption, TagOption, numbers, pairs
from modelyard_client.cli.connection import connect
from modelyard_client.cli.job_end import require_success
from modelyard_client.cli.options import (
    HomeOption,
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


def register(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    path: Annotated[
        Path | None, typer.Argument(help="An MLflow model's folder, an archive of one, or a model in one file.")
    ] = None,
    *,
    run: Annotated[str | None, typer.Option("--run", help="An MLflow run that logged one model.", metavar="ID")] = None,
    model_uri: Annotated[
        str | None, typer.Option("--model-uri", help="models:/m-… or runs:/<run>/<name>.", metavar="URI")
    ] = None,
    description: DescriptionOption = None,
    tag: TagOption = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="A metric; may be repeated.", metavar="KEY=NUMBER")
    ] = None,
    requirement: Annotated[
        list[str] | None,
        typer.Option("--requirement", "-r", help="What loads a model in one file; may be repeated.", metavar="NAME"),
    ] = None,
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
      modelyard register churn ./mlruns/model --metric auc=0.93
      modelyard register churn net.onnx
    """
    if [path is None, run is None, model_uri is None].count(False) != 1:
        raise typer.BadParameter("expected exactly one of PATH, --run and --model-uri")
    tags, metrics = pairs(tag, option="--tag"), numbers(metric, option="--metric")
    waits = waiting(wait=wait, wait_seconds=wait_seconds)
    with connect(url, home) as client:
        if path is None:
            version = client.models.register(
                model, run_id=run, model_uri=model_uri, description=description, tags=tags, metrics=metrics
            )
            _tell(version, output)
            return
        with transfer_bar(path.name) as update:
            job_id = client.uploads.register(
                model,
                path,
                description=description or "",
                tags=tags,
                metrics=metrics,
                requirements=requirement or (),
                progress=update,
            )
        if not waits:
            _tell_job(job_id, output)
            return
        _tell(_registered(client, model, job_id, seconds=wait_seconds), output)


def _registered(client: "Client", model: str, job_id: str, *, seconds: float | None) -> "Version":
    job = wait_for_job(client, job_id, shows_log=False, seconds=seconds)
    require_success(job)
    return client.versions.get(model, job.model_version or 0)


def _tell_job(job_id: str, output: Output) -> None:
    if output is Output.JSON:
        print_json({"job_id": job_id})
    else:
        say(f"job {job_id} registers it; `modelyard jobs show {job_id}` tells how it is")


def _tell(version: "Version", output: Output) -> None:
    if output is Output.JSON:
        print_json(version)
    else:
        print_facts({"model": version.name, "version": version.version, "artifacts": version.artifact_uri})
