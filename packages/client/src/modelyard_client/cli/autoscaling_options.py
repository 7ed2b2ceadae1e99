"""The options by which a target chooses the number of replicas itself."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelyard_client.autoscaling import Autoscaling

MaxReplicasOption = Annotated[
    int | None,
    typer.Option("--max-replicas", min=1, help="Let the target choose how many, up to this.", metavar="N"),
]
MinReplicasOption = Annotated[
    int | None, typer.Option("--min-replicas", min=1, help="And not fewer than this (1).", metavar="N")
]
CpuPercentOption = Annotated[
    int | None,
    typer.Option("--cpu-percent", min=1, help="The use of --cpu, or of one core, to aim at (80).", metavar="N"),
]


def autoscaling_of(
    *, min_replicas: int | None, max_replicas: int | None, cpu_percent: int | None
) -> "Autoscaling | None":
    """What was asked for, if anything was."""
    from modelyard_client.autoscaling import Autoscaling

    if max_replicas is None:
        if min_replicas is not None or cpu_percent is not None:
            raise typer.BadParameter("--min-replicas and --cpu-percent need --max-replicas")
        return None
    return Autoscaling(min_replicas=min_replicas or 1, max_replicas=max_replicas, cpu_percent=cpu_percent or 80)
