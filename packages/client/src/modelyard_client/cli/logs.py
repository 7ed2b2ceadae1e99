"""`modelyard logs`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import FollowOption, HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import clean, print_json_line, print_line, say
from modelyard_client.errors import NotFound

if TYPE_CHECKING:
    from modelyard_client.client import Client
    from modelyard_client.log import LogLine


def logs(
    reference: Annotated[
        str,
        typer.Argument(
            help="A job's id, a deployment's id, or a model's name; of a model that is not deployed any more, its last "
            "deployment's log is meant.",
            metavar="JOB|DEPLOYMENT",
        ),
    ],
    *,
    follow: FollowOption = False,
    tail: Annotated[
        int | None, typer.Option("--tail", min=0, max=100_000, help="Only the last lines so far.", metavar="N")
    ] = None,
    generation: Annotated[
        int | None,
        typer.Option(
            "--generation",
            min=1,
            help="Of a deployment whose version was replaced, or was not: the log of these servers; "
            "`deployments show` names the last.",
            metavar="N",
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show the log of a job, or of a deployment's replicas.

    With --follow it goes on until the job ends or the deployment is stopped. As JSON, each line is an object.

    \b
    Examples:
      modelyard logs JOB --follow
      modelyard logs churn --tail 20
      modelyard logs churn --generation 2
    """
    with connect(url, home) as client:
        log = _find(client, reference, generation)
        _print(log.follow(tail) if follow else log.read(tail), output)


@dataclass(frozen=True, slots=True)
class _Log:
    read: "Callable[[int | None], Iterable[LogLine]]"
    follow: "Callable[[int | None], Iterable[LogLine]]"


def _find(client: "Client", reference: str, generation: int | None) -> _Log:
    jobs, deployments = client.jobs, client.deployments
    if generation is None:
        try:
            job_id = jobs.get(reference).job_id
        except NotFound:
            pass
        else:
            return _Log(lambda tail: jobs.log(job_id, tail=tail), lambda tail: jobs.follow_log(job_id, tail=tail))
    found = _deployment_id(client, reference)
    return _Log(
        lambda tail: deployments.log(found, tail=tail, generation=generation),
        lambda tail: deployments.follow_log(found, tail=tail, generation=generation),
    )


def _deployment_id(client: "Client", reference: str) -> str:
    try:
        return client.deployments.find(reference).deployment_id
    except NotFound as error:
        last = next(client.deployments.list(model_name=reference, status="stopped", limit=1), None)
        if last is None:
            raise NotFound(f"there is no job and no deployment {reference!r}", code="not_found") from error
        say(f"{reference} is not deployed; this is the log of its last deployment, {last.deployment_id}")
        return last.deployment_id


def _print(lines: "Iterable[LogLine]", output: Output) -> None:
    for line in lines:
        if output is Output.JSON:
            print_json_line(line)
        else:
            print_line(clean(line.text))
