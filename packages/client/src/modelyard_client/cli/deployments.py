"""`modelyard deployments`: list, show, pin, drift."""

from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import CommandError
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, ReferenceArgument, UrlOption
from modelyard_client.cli.terminal import age, print_facts, print_json, print_line, print_table

if TYPE_CHECKING:
    from modelyard_client.deployment import Deployment

app = typer.Typer(cls=NounGroup, rich_markup_mode=None, help="Deployed versions: list (the default), show, pin, drift.")

COLUMNS = ("deployment", "model", "version", "status", "ready", "url", "age")


@app.command("list")
def list_deployments(
    *,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only of this model.", metavar="NAME")] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Only these, e.g. ready; else all but stopped.", metavar="STATUS")
    ] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help="Only on this target.", metavar="NAME")] = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List deployments.

    \b
    Examples:
      modelyard deployments
      modelyard deployments list --model churn --output json
    """
    with connect(url, home) as client:
        found = list(client.deployments.list(model_name=model, target=target, status=status, limit=limit))
    if output is Output.JSON:
        print_json({"deployments": found})
    else:
        print_table(COLUMNS, map(deployment_row, found))


@app.command()
def show(
    deployment: ReferenceArgument,
    *,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show one deployment with its replicas.

    \b
    Examples:
      modelyard deployments show churn
      modelyard deployments show DEPLOYMENT --output json
    """
    with connect(url, home) as client:
        found = client.deployments.find(deployment)
    print_one(found, output)


@app.command()
def pin(
    deployment: ReferenceArgument,
    digest: Annotated[
        str | None, typer.Argument(help="Of an image of its version.", metavar="DIGEST", show_default=False)
    ] = None,
    *,
    newest: Annotated[bool, typer.Option("--newest", help="The newest image again, and every later one.")] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Keep a deployment on one image of its version, as the one before its base was changed. The servers are brought to
    it one after the other; a replacement of the version ends it.

    \b
    Examples:
      modelyard images list churn/3
      modelyard deployments pin churn sha256:9f86d0…
      modelyard deployments pin churn --newest
    """
    if (digest is None) is not newest:
        raise CommandError("expected the digest of an image, or --newest")
    with connect(url, home) as client:
        found = client.deployments.find(deployment)
        changed = client.deployments.pin(found.deployment_id, digest)
    print_one(changed, output)


@app.command()
def drift(
    deployment: ReferenceArgument,
    *,
    hours: Annotated[
        float | None,
        typer.Option("--hours", help="How far back, 48 at most; else as far as a judgement needs.", metavar="HOURS"),
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show how what a deployment gets and answers differs from the training data of its version.

    \b
    Examples:
      modelyard deployments drift churn
      modelyard deployments drift DEPLOYMENT --hours 24 --output json
    """
    with connect(url, home) as client:
        found = client.deployments.drift(client.deployments.find(deployment).deployment_id, hours=hours)
    if output is Output.JSON:
        print_json(found)
        return
    print_facts(
        {
            "deployment": found.deployment_id,
            "model": found.model_name,
            "version": found.model_version,
            "verdict": found.verdict,
            "why": found.message,
            "since": found.since,
            "rows": found.rows,
            "training rows": found.profile_rows,
        }
    )
    if found.features:
        print_line("")
        print_table(
            ("feature", "verdict", "rows", "PSI", "KS", "missing", "unseen"),
            (
                (one.name, one.verdict, one.rows, *map(_figure, (one.psi, one.ks, one.missing, one.unseen)))
                for one in found.features
            ),
        )


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def deployment_row(deployment: "Deployment") -> tuple[object, ...]:
    """A deployment under `COLUMNS`."""
    return (
        deployment.deployment_id,
        deployment.model_name,
        deployment.model_version,
        deployment.status,
        f"{deployment.ready_replicas}/{deployment.replicas}",
        deployment.url,
        age(deployment.created_at),
    )


def _replacement(deployment: "Deployment") -> str | None:
    """The last change of its version in one sentence."""
    last = deployment.replacement
    if last is None:
        return None
    why = f": {last.reason}" if last.reason else ""
    return f"version {last.from_version} by {last.version}, {last.status} ({last.job_id}){why}"


def _ready(deployment: "Deployment") -> str:
    """How many answer, and of how many, where that is not the target's to choose."""
    if deployment.autoscaling is not None:
        return str(deployment.ready_replicas)
    return f"{deployment.ready_replicas} of {deployment.replicas}"


def _autoscaling(deployment: "Deployment") -> str | None:
    bounds = deployment.autoscaling
    if bounds is None:
        return None
    return f"{bounds.min_replicas} to {bounds.max_replicas} replicas, at {bounds.cpu_percent} % of the processor"


def print_one(deployment: "Deployment", output: Output) -> None:
    """One deployment, on stdout."""
    if output is Output.JSON:
        print_json(deployment)
        return
    print_facts(
        {
            "deployment": deployment.deployment_id,
            "model": deployment.model_name,
            "version": deployment.model_version,
            "status": deployment.status,
            "reason": deployment.reason,
            "ready": _ready(deployment),
            "autoscaling": _autoscaling(deployment),
            "pinned to": deployment.image_digest,
            "url": deployment.url,
            "stable url": deployment.api_url,
            "target": deployment.target,
            "namespace": deployment.namespace,
            "job": deployment.job_id,
            "replacement": _replacement(deployment),
            "created": deployment.created_at,
        }
    )
    if deployment.replica_states:
        print_line("")
        print_table(
            ("replica", "state", "pid", "restarts", "memory MB", "last exit"),
            (
                (
                    replica.index,
                    replica.state,
                    replica.pid,
                    replica.restarts,
                    None if replica.rss_bytes is None else replica.rss_bytes // 1_000_000,
                    replica.last_exit,
                )
                for replica in deployment.replica_states
            ),
        )
