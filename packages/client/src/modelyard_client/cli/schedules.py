"""`modelyard schedules`: list, create, show, run, pause, resume, delete."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, TimeoutOption, UrlOption
from modelyard_client.cli.retrain import (
    OtherRunnerOption,
    RetrainedArgument,
    StageIfOption,
    StageRule,
    UpdateRequirementsOption,
)
from modelyard_client.cli.run_options import (
    ArgumentsArgument,
    DataOption,
    EnvironmentOption,
    ParameterOption,
    parameters,
    references,
    variables,
)
from modelyard_client.cli.terminal import format_pairs, print_facts, print_json, print_table, say
from modelyard_client.cli.version_reference import name_and_version

if TYPE_CHECKING:
    from modelyard_client.schedules import Schedule

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="Schedules, which retrain versions: list (the default), create, show, run, pause, resume, delete.",
)
ScheduleArgument = Annotated[str, typer.Argument(help="The schedule's id.", metavar="SCHEDULE")]


@app.command("list")
def list_schedules(
    *,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Of this model only.", metavar="NAME")] = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List schedules with their next times.

    \b
    Examples:
      modelyard schedules
      modelyard schedules list --model churn --output json
    """
    with connect(url, home) as client:
        found = list(client.schedules.list(model, limit=limit))
    if output is Output.JSON:
        print_json({"schedules": found})
        return
    print_table(
        ("schedule", "model", "version", "when", "status", "next"),
        (
            (one.schedule_id, one.model_name, one.version, _when(one), one.status, next(iter(_next(one)), None))
            for one in found
        ),
    )


@app.command()
def create(
    version: RetrainedArgument,
    arguments: ArgumentsArgument = None,
    *,
    cron: Annotated[
        str | None,
        typer.Option("--cron", help="Minute, hour, day of month, month, day of week.", metavar="'30 3 * * mon-fri'"),
    ] = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="Of the planned times, by its IANA name.", metavar="ZONE")
    ] = "UTC",
    event: Annotated[
        str | None,
        typer.Option("--event", help="After this event of the model: version.archived, drift.found, …", metavar="TYPE"),
    ] = None,
    announced: Annotated[
        bool, typer.Option("--announced", help="When new data is announced, at an address that is printed once.")
    ] = False,
    latest: Annotated[
        bool, typer.Option("--latest", help="Of a model alone: its newest version, not the one in production.")
    ] = False,
    parameter: ParameterOption = None,
    env: EnvironmentOption = None,
    data: DataOption = None,
    runner: OtherRunnerOption = None,
    timeout: TimeoutOption = None,
    update_requirements: UpdateRequirementsOption = False,
    stage_if: StageIfOption = StageRule.NEVER,
    overlap: Annotated[
        str, typer.Option("--overlap", help="A run while the one before goes on: refuse it, or queue one.")
    ] = "refuse",
    missed: Annotated[
        str, typer.Option("--missed", help="Times at which no control plane was there: skip, or run_once.")
    ] = "skip",
    description: Annotated[str, typer.Option("--description", help="What it is for.", metavar="TEXT")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Have a version retrained at planned times, after an event, or when new data is announced.

    A model alone means the version that is in production at that time. Runs are in your name, with the rights that you
    have then.

    \b
    Examples:
      modelyard schedules create churn --cron "30 3 * * *" --time-zone Europe/Berlin --stage-if better
      modelyard schedules create churn --event drift.found --overlap queue
      modelyard schedules create churn/3 --announced -- --epochs 5
    """
    if "/" in version and latest:
        raise typer.BadParameter("--latest has no meaning with a version")
    name, which = name_and_version(version) if "/" in version else (version, "latest" if latest else "production")
    recipe = {
        "arguments": arguments or None,
        "parameters": parameters(parameter),
        "environment": variables(env),
        "data": references(data),
        "runner": runner,
        "timeout_seconds": timeout,
        "update_requirements": update_requirements,
        "stage_if": stage_if,
    }
    with connect(url, home) as client:
        made = client.schedules.create(
            name,
            version=str(which),
            cron=cron,
            time_zone=time_zone,
            event=event,
            announced=announced,
            recipe=recipe,
            overlap=overlap,
            missed=missed,
            description=description,
        )
        address = None if made.address is None else f"{client.url}{made.address}"
    if output is Output.JSON:
        print_json(made)
        return
    _print(made)
    if address is not None:
        say("POST to this address announces new data. It is shown this once, and whoever has it may:")
        say(address)


@app.command()
def show(
    schedule: ScheduleArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show a schedule with its next times and its last runs.

    \b
    Examples:
      modelyard schedules show sch-5f0c1d2e3b4a59687786
    """
    with connect(url, home) as client:
        found = client.schedules.get(schedule)
    if output is Output.JSON:
        print_json(found)
        return
    _print(found)
    if found.runs:
        print_table(
            ("planned", "status", "job", "reason"),
            ((run.planned_at, run.status, run.job_id, run.reason) for run in found.runs),
        )


@app.command()
def run(
    schedule: ScheduleArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Have a schedule run now. Its job is made in a moment, if nothing keeps it.

    \b
    Examples:
      modelyard schedules run sch-5f0c1d2e3b4a59687786
    """
    with connect(url, home) as client:
        planned = client.schedules.run(schedule)
    if output is Output.JSON:
        print_json(planned)
        return
    print_facts({"schedule": schedule, "status": planned.status, "next": f"modelyard schedules show {schedule}"})


@app.command()
def pause(schedule: ScheduleArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Let a schedule make no more runs until it is resumed.

    \b
    Examples:
      modelyard schedules pause sch-5f0c1d2e3b4a59687786
    """
    with connect(url, home) as client:
        _print(client.schedules.pause(schedule))


@app.command()
def resume(schedule: ScheduleArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Let a schedule make runs again, from its next planned time on.

    \b
    Examples:
      modelyard schedules resume sch-5f0c1d2e3b4a59687786
    """
    with connect(url, home) as client:
        _print(client.schedules.resume(schedule))


@app.command()
def delete(schedule: ScheduleArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Delete a schedule. Jobs that it has made go on.

    \b
    Examples:
      modelyard schedules delete sch-5f0c1d2e3b4a59687786
    """
    with connect(url, home) as client:
        client.schedules.delete(schedule)
    say(f"{schedule} is deleted")


def _print(schedule: "Schedule") -> None:
    recipe = {name: value for name, value in schedule.recipe.items() if name != "stage_if"}
    print_facts(
        {
            "schedule": schedule.schedule_id,
            "model": schedule.model_name,
            "version": schedule.version,
            "when": _when(schedule),
            "status": schedule.status,
            "next": ", ".join(_next(schedule)),
            "changes": format_pairs(recipe),
            "stage if": schedule.recipe.get("stage_if"),
            "overlap": schedule.overlap,
            "missed": schedule.missed,
            "in the name of": schedule.created_by,
            "description": schedule.description,
        }
    )


def _when(schedule: "Schedule") -> str:
    if schedule.cron is not None:
        return f"{schedule.cron} {schedule.time_zone}"
    return f"after {schedule.event}" if schedule.event is not None else "announced"


def _next(schedule: "Schedule") -> list[str]:
    """In UTC, to the minute."""
    return [f"{datetime.fromisoformat(each):%Y-%m-%d %H:%M}Z" for each in schedule.next_times]
