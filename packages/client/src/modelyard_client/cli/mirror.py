"""`modelyard mirror`: status, repair, import."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.mirror import Drift

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
def import_(*, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None) -> None:
    """Take over versions that were registered in MLflow directly.

    \b
    Examples:
      modelyard mirror import
    """
    with connect(url, home) as client:
        done = client.mirror.take_over()
    if output is Output.JSON:
        print_json({"imported": done.imported, "refused": done.refused})
        return
    rows = ((each.name, each.version, each.mlflow_name, each.mlflow_version) for each in done.imported)
    print_table(("model", "version", "mlflow model", "mlflow version"), rows)
    if done.refused:
        say(f"{len(done.refused)} not imported:")
        _print(done.refused)


def _print(drift: "Iterable[Drift]") -> None:
    rows = ((each.kind, each.name, each.version, each.mlflow_name, each.mlflow_version, each.reason) for each in drift)
    print_table(("kind", "model", "version", "mlflow model", "mlflow version", "what"), rows)
