"""`modelyard logs`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import FollowOption, HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import clean, print_json_line, print_line
from modelyard_client.errors import NotFound

if TYPE_CHECKING:
    from modelyard_client.client import Client
    from modelyard_client.log import LogLine


def logs(
    reference: Annotated[
        str, typer.Argument(help="A job's id, a deployment's id, or a model's name.", metavar="JOB|DEPLOYMENT")
    ],
    *,
    follow: FollowOption = False,
    tail: Annotated[int | None, typer.Option("--tail", min=0, help="Only the last lines so far.", metavar="N")] = None,
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
    """
    with connect(url, home) as client:
        log = _find(client, reference)
        if follow and tail is None:
            _print(log.follow(0), output)
            return
        lines = log.read()
        if follow:  # A line that is still being written comes whole with those that follow.
            lines = [line for line in lines if line.is_whole]
        _print(lines if tail is None else lines[max(0, len(lines) - tail) :], output)
        if follow:
            _print(log.follow(lines[-1].offset if lines else 0), output)


@dataclass(frozen=True, slots=True)
class _Log:
    read: "Callable[[], Sequence[LogLine]]"
    follow: "Callable[[int], Iterator[LogLine]]"


def _find(client: "Client", reference: str) -> _Log:
    try:
        job_id = client.jobs.get(reference).job_id
    except NotFound:
        deployment_id = _deployment_id(client, reference)
        deployments = client.deployments
        return _Log(lambda: deployments.log(deployment_id), lambda at: deployments.follow_log(deployment_id, offset=at))
    return _Log(lambda: client.jobs.log(job_id), lambda at: client.jobs.follow_log(job_id, offset=at))


def _deployment_id(client: "Client", reference: str) -> str:
    try:
        return client.deployments.find(reference).deployment_id
    except NotFound as error:
        raise NotFound(f"there is no job and no deployment {reference!r}", code="not_found") from error


def _print(lines: "Iterable[LogLine]", output: Output) -> None:
    for line in lines:
        if output is Output.JSON:
            print_json_line(line)
        else:
            print_line(clean(line.text))
