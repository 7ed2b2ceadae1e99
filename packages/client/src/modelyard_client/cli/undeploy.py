"""`modelyard undeploy`."""

from typing import Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.deployments import print_one
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


def undeploy(
    deployment: ReferenceArgument,
    *,
    version: VersionOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also when APIs of the gateway lead to it; they answer 503 then.")
    ] = False,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Drain a deployment and stop it.

    Requests under way are answered, new ones are not taken. One that APIs of the gateway name stays, unless it is
    forced.

    \b
    Examples:
      modelyard undeploy churn
      modelyard undeploy churn --version 2 --no-wait
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    with connect(url, home) as client:
        found = client.deployments.find(deployment, version=version)
        removed = client.deployments.remove(found.deployment_id, force=force)
        if is_waited_for:
            removed = client.deployments.wait_until_stopped(
                found.deployment_id, on_change=say_deployment, timeout=wait_seconds
            )
    print_one(removed, output)
