"""`modelyard scale`."""

from typing import Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.deployments import print_one
from modelyard_client.cli.errors import CommandError
from modelyard_client.cli.options import (
    HomeOption,
    Output,
    OutputOption,
    ReferenceArgument,
    UrlOption,
    VersionOption,
    WaitOption,
    WaitSecondsOption,
    waiting,
)
from modelyard_client.cli.progress import say_deployment


def scale(
    deployment: ReferenceArgument,
    *,
    replicas: Annotated[int, typer.Option("--replicas", "-n", min=1, help="How many.", metavar="N")],
    version: VersionOption = None,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Change the number of a deployment's replicas.

    Up or down, no request is lost.

    \b
    Examples:
      modelyard scale churn --replicas 4
      modelyard scale churn -n 1 --version 2 --no-wait
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    with connect(url, home) as client:
        found = client.deployments.find(deployment, version=version)
        scaled = client.deployments.scale(found.deployment_id, replicas=replicas)
        if is_waited_for:
            scaled = client.deployments.wait_until_ready(
                found.deployment_id, on_change=say_deployment, timeout=wait_seconds
            )
    print_one(scaled, output)
    if scaled.is_over:
        reason = f": {scaled.reason}" if scaled.reason else ""
        state = "failed" if scaled.status == "failed" else f"is {scaled.status}"
        raise CommandError(f"deployment {scaled.deployment_id} {state}{reason}")
