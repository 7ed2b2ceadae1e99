"""`modelyard mirror`: status, repair, import."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.job_end import require_success, tell_accepted
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
from modelyard_client.cli.terminal import print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.mirror import Drift, Import

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The registry's mirror in MLflow: status, repair, import.",
)


@app.command()
def status(*, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None) -> None:
    """Show what differs between the registry and MLflow's.

    \b
    Examples:
      modelyard mirror status
      modelyard mirror status --output json
    """
    with connect(url, home) as client:
        drift = list(client.mirror.status())
    if output is Output.JSON:
        print_json({"drift": drift})
        return
    if not drift:
        say("MLflow shows what the registry says.")
        return
    _print(drift)


@app.command()
def repair(*, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None) -> None:
    """Make MLflow show what the registry says.

    \b
    Examples:
      modelyard mirror repair
    """
    with connect(url, home) as client:
        done = client.mirror.repair()
    if output is Output.JSON:
        print_json({"repaired": done.repaired, "remaining": done.remaining})
        return
    say(f"{len(done.repaired)} repaired, {len(done.remaining)} remaining.")
    if done.remaining:
        _print(done.remaining)


@app.command("import")
def import_(
    *,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Take over versions that were registered in MLflow directly. A job does it, and is waited for.

    \b
    Examples:
      modelyard mirror import
      modelyard mirror import --no-wait
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    with connect(url, home) as client:
        submission = client.mirror.take_over()
        if not is_waited_for:
            tell_accepted(submission, output)
            return
        job = wait_for_job(client, submission.job_id, shows_log=False, seconds=wait_seconds)
        done = client.mirror.import_of(submission.job_id)
    if output is Output.JSON:
        print_json({"job_id": submission.job_id, **_facts(done)})
    else:
        _print_import(done)
    require_success(job)


def _facts(done: "Import") -> dict[str, object]:
    return {
        "imported": done.imported,
        "refused": done.refused,
        "imported_count": done.imported_count,
        "refused_count": done.refused_count,
    }


def _print_import(done: "Import") -> None:
    rows = ((each.name, each.version, each.mlflow_name, each.mlflow_version) for each in done.imported)
    print_table(("model", "version", "mlflow model", "mlflow version"), rows)
    if done.imported_count > len(done.imported):
        say(f"…and {done.imported_count - len(done.imported)} more.")
    if done.refused:
        say(f"{done.refused_count} not imported:")
        _print(done.refused)


def _print(drift: "Iterable[Drift]") -> None:
    rows = ((each.kind, each.name, each.version, each.mlflow_name, each.mlflow_version, each.reason) for each in drift)
    print_table(("kind", "model", "version", "mlflow model", "mlflow version", "what"), rows)
