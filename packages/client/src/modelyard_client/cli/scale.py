"""`modelyard scale`."""

from typing import Annotated

import typer

from modelyard_client.cli.autoscaling_options import (
    CpuPercentOption,
    MaxReplicasOption,
    MinReplicasOption,
    autoscaling_of,
)
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
    replicas: Annotated[int | None, typer.Option("--replicas", "-n", min=1, help="How many.", metavar="N")] = None,
    min_replicas: MinReplicasOption = None,
    max_replicas: MaxReplicasOption = None,
    cpu_percent: CpuPercentOption = None,
    no_autoscaling: Annotated[
        bool, typer.Option("--no-autoscaling", help="The target no longer chooses how many.")
    ] = False,
    version: VersionOption = None,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Change the number of a deployment's replicas, or who chooses it.

    Up or down, no request is lost.

    \b
    Examples:
      modelyard scale churn --replicas 4
      modelyard scale churn -n 1 --version 2 --no-wait
      modelyard scale churn --min-replicas 2 --max-replicas 8 --cpu-percent 60
      modelyard scale churn --no-autoscaling --replicas 3
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    bounds = autoscaling_of(min_replicas=min_replicas, max_replicas=max_replicas, cpu_percent=cpu_percent)
    if sum((bounds is not None, replicas is not None or no_autoscaling)) != 1:
        raise typer.BadParameter("name --replicas, --max-replicas or --no-autoscaling")
    with connect(url, home) as client:
        found = client.deployments.find(deployment, version=version)
        if bounds is not None or no_autoscaling:
            scaled = client.deployments.autoscale(found.deployment_id, bounds)
        if replicas is not None:
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
