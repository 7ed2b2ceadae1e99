"""`modelyard holds`: list, put, lift."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption, VersionOption
from modelyard_client.cli.terminal import print_facts, print_json, print_table
from modelyard_client.cli.version_reference import VersionArgument, name_and_version

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="Retention holds, which keep versions from being deleted: list, put, lift.",
)
ReasonOption = Annotated[str, typer.Option("--reason", help="Why.", metavar="TEXT")]


@app.command("list")
def list_holds(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    *,
    version: VersionOption = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List holds that lie or lay on a model's versions, the oldest first.

    \b
    Examples:
      modelyard holds list churn
      modelyard holds list churn --version 3 --output json
    """
    with connect(url, home) as client:
        found = list(client.deletions.holds(model, version, limit=limit))
    if output is Output.JSON:
        print_json({"holds": found})
        return
    columns = ("hold", "version", "active", "until", "by", "reason")
    print_table(
        columns, ((one.hold_id, one.version, one.is_active, one.until, one.put_by, one.reason) for one in found)
    )


@app.command()
def put(
    version: VersionArgument,
    *,
    reason: ReasonOption,
    until: Annotated[
        datetime | None,
        typer.Option("--until", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When it ends by itself, in UTC."),
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Keep a version from being deleted.

    \b
    Examples:
      modelyard holds put churn/3 --reason "audit of May" --until 2027-01-01
    """
    name, number = name_and_version(version)
    end = None if until is None else until.replace(tzinfo=UTC)
    with connect(url, home) as client:
        made = client.deletions.put_hold(name, number, reason=reason, until=end)
    if output is Output.JSON:
        print_json(made)
    else:
        print_facts({"hold": made.hold_id, "version": f"{name}/{number}", "until": made.until, "reason": made.reason})


@app.command()
def lift(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    hold: Annotated[str, typer.Argument(help="The hold's id, as `holds list` shows it.", metavar="HOLD")],
    *,
    reason: ReasonOption,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Take a hold off; what it was stays on record.

    \b
    Examples:
      modelyard holds lift churn hold-6c1f --reason "the audit is over"
    """
    with connect(url, home) as client:
        lifted = client.deletions.lift_hold(model, hold, reason=reason)
    print_facts({"hold": lifted.hold_id, "version": f"{model}/{lifted.version}", "active": lifted.is_active})
