"""`modelyard predict-job`."""

import re
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from modelyard_client.cli.terminal import print_json

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?")
"""Of a Job whose pods have its name, their index and a suffix in 63 characters."""


def predict_job(
    address: Annotated[
        str,
        typer.Argument(help="The model's address, at the gateway or its server, as pods see it.", metavar="ADDRESS"),
    ],
    file: Annotated[Path, typer.Argument(help="Parquet or Arrow IPC, on the volume, as pods see it.", metavar="FILE")],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="scores.parquet becomes scores-00000-of-00008.parquet and so on.")
    ],
    version: Annotated[int, typer.Option("--version", min=1, help="Of the model, for all shares.", metavar="N")],
    shares: Annotated[int, typer.Option("--shares", min=1, max=100_000, help="Pods, each of as many rows.")],
    image: Annotated[str, typer.Option("--image", help="With modelyard-client[frames] in it.")],
    claim: Annotated[str, typer.Option("--claim", help="The PersistentVolumeClaim with the file and the output.")],
    folder: Annotated[str, typer.Option("--folder", help="Where pods see the volume.")] = "/data",
    name: Annotated[str, typer.Option("--name", help="Of the Job.")] = "modelyard-predict",
    namespace: Annotated[str | None, typer.Option("--namespace", help="Else that of kubectl.")] = None,
    parallel: Annotated[int, typer.Option("--parallel", min=1, help="Pods at one time.")] = 4,
    memory_mb: Annotated[int, typer.Option("--memory-mb", min=64, help="Of each pod.")] = 1024,
    cpus: Annotated[float, typer.Option("--cpus", min=0.05, help="Of each pod.")] = 1.0,
    retries: Annotated[int, typer.Option("--retries", min=0, help="Pods that may fail before the Job does.")] = 6,
    seconds: Annotated[int | None, typer.Option("--seconds", min=1, help="How long the Job may take.")] = None,
    key_secret: Annotated[
        str | None, typer.Option("--key-secret", help="A Secret whose `key` is the subscription key.", metavar="NAME")
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--columns", help="As of `modelyard predict`; may be repeated.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option("--drop", help="As of `modelyard predict`.")] = None,
    outputs: Annotated[list[str] | None, typer.Option("--outputs", help="As of `modelyard predict`.")] = None,
) -> None:
    """Print the Kubernetes Job that predicts a file in shares.

    It is an indexed Job: each pod predicts consecutive rows into a file of its own, and a pod that fails goes on after
    its last whole part. kubectl applies it, shows how many shares are done, and deletes it; applied again it does what
    is left.

    \b
    Examples:
      modelyard predict-job http://gateway:8080/churn /data/customers.parquet -o /data/scores.parquet \\
        --version 3 --shares 8 --image registry.example/modelyard-client --claim customers | kubectl apply -f -
      kubectl get job modelyard-predict
    """
    from modelyard_client.batch.kubernetes_job import JobPlan, job_of

    if not address.startswith(("http://", "https://")):
        raise typer.BadParameter(f"ADDRESS: expected the address of a model, as pods reach it, got {address!r}")
    if _NAME.fullmatch(name) is None:
        raise typer.BadParameter(f"--name: expected small letters, digits and hyphens, at most 52, got {name!r}")
    for place in (file, output):
        if not _is_below(place, folder):
            raise typer.BadParameter(f"expected a path below {folder}, where the volume is, got {str(place)!r}")
        if place.suffix not in {".parquet", ".pq", ".arrow", ".feather", ".ipc"}:
            raise typer.BadParameter(f"shares need Parquet or Arrow IPC, got {place.name!r}")
    options = {"--columns": columns, "--drop": drop, "--outputs": outputs}
    more = [word for option, values in options.items() for value in values or () for word in (option, value)]
    command = ["modelyard", "predict", address, str(file), "--output", str(output), "--version", str(version), *more]
    plan = JobPlan(
        tuple(command),
        name=name,
        namespace=namespace,
        image=image,
        claim=claim,
        folder=folder,
        shares=shares,
        parallel=min(parallel, shares),
        memory_mb=memory_mb,
        cpus=cpus,
        retries=retries,
        seconds=seconds,
        key_secret=key_secret,
    )
    print_json(job_of(plan))


def _is_below(place: Path, folder: str) -> bool:
    parts = PurePosixPath(str(place))
    return parts.is_absolute() and ".." not in parts.parts and PurePosixPath(folder) in parts.parents
