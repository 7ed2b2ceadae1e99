"""`modelyard rollouts`: list, show, start, watch, comparison, analysis, pause, resume, promote, abort, plan."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import CommandError, ExitCode
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption, VersionOption
from modelyard_client.cli.shadow_reports import print_comparison
from modelyard_client.cli.terminal import age, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.client import Client
    from modelyard_client.rollouts import Rollout

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="Roll-outs, by which a version takes over in steps: list, show, start, watch, comparison, analysis, "
    "pause, resume, promote, abort, plan.",
)
_LOOK_SECONDS = 1.0
ModelArgument = Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")]
WhichArgument = Annotated[
    str, typer.Argument(help="The model's name, for its newest roll-out, or a roll-out's id.", metavar="MODEL")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why.", metavar="TEXT")]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="The plan as YAML or JSON; - is stdin.", metavar="FILE", allow_dash=True),
]


@app.command("list")
def list_rollouts(
    model: Annotated[str | None, typer.Option("--model", "-m", help="Of this model only.", metavar="NAME")] = None,
    *,
    status: Annotated[str | None, typer.Option("--status", help="In this status only.", metavar="STATUS")] = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List roll-outs, newest first.

    \b
    Examples:
      modelyard rollouts
      modelyard rollouts list --model churn --status running
    """
    with connect(url, home) as client:
        found = list(client.rollouts.list(model, status=status, limit=limit))
    if output is Output.JSON:
        print_json({"rollouts": found})
        return
    print_table(
        ("roll-out", "model", "from", "to", "status", "step", "percent", "age"),
        (
            (
                one.rollout_id,
                one.name,
                one.former,
                one.candidate,
                one.status,
                one.steps[one.step],
                f"{one.percent:g}",
                age(one.created_at),
            )
            for one in found
        ),
    )


@app.command()
def show(
    which: WhichArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show one roll-out, with what its guardrails say.

    \b
    Examples:
      modelyard rollouts show churn
    """
    with connect(url, home) as client:
        _print(_find(client, which), output)


@app.command()
def start(
    model: ModelArgument,
    *,
    version: VersionOption = None,
    file: FileOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it live until it ends.")] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Have a version in staging take over from the version in production, step by step.

    \b
    Examples:
      modelyard rollouts start churn
      modelyard rollouts start churn --version 4 -f rollout.yaml --watch
    """
    plan = None if file is None else _read(file)
    with connect(url, home) as client:
        made = client.rollouts.start(model, version=version, plan=plan)
        if watch:
            made = _watch(client, made)
    _print(made, output)
    _require_success(made)


@app.command()
def watch(
    which: WhichArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show a roll-out live until it ends: its step, its share, and what its guardrails say.

    \b
    Examples:
      modelyard rollouts watch churn
    """
    with connect(url, home) as client:
        ended = _watch(client, _find(client, which))
    _print(ended, output)
    _require_success(ended)


@app.command()
def comparison(
    which: WhichArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show how the candidate's answers as a shadow compare with those that callers get.

    \b
    Examples:
      modelyard rollouts comparison churn
    """
    with connect(url, home) as client:
        found = client.rollouts.comparison(_find(client, which).rollout_id)
    print_comparison(found, output)


@app.command()
def analysis(
    which: WhichArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show how far the evidence of each guardrail has come: a share of what a verdict needs.

    \b
    Examples:
      modelyard rollouts analysis churn
    """
    with connect(url, home) as client:
        found = client.rollouts.analysis(_find(client, which).rollout_id)
    if output is Output.JSON:
        print_json(found)
        return
    print_table(
        ("guardrail", "verdict", "requests", "worse", "not worse", "finding"),
        (
            (
                one["guardrail"],
                one["verdict"],
                one["candidate"]["requests"],
                _share(one, "worse"),
                _share(one, "not_worse"),
                one["message"],
            )
            for one in found["guardrails"]
        ),
    )


@app.command()
def pause(which: WhichArgument, *, reason: ReasonOption = "", url: UrlOption = None, home: HomeOption = None) -> None:
    """Stay in this step until it is resumed. Guardrails go on watching.

    \b
    Examples:
      modelyard rollouts pause churn --reason "holidays"
    """
    with connect(url, home) as client:
        _print(client.rollouts.pause(_find(client, which).rollout_id, reason=reason), Output.TABLE)


@app.command()
def resume(which: WhichArgument, *, reason: ReasonOption = "", url: UrlOption = None, home: HomeOption = None) -> None:
    """Go on with one that is paused.

    \b
    Examples:
      modelyard rollouts resume churn
    """
    with connect(url, home) as client:
        _print(client.rollouts.resume(_find(client, which).rollout_id, reason=reason), Output.TABLE)


@app.command()
def promote(which: WhichArgument, *, reason: ReasonOption = "", url: UrlOption = None, home: HomeOption = None) -> None:
    """Leave out all steps but the last one. It needs the same approval as ever.

    \b
    Examples:
      modelyard rollouts promote churn --reason "urgent"
    """
    with connect(url, home) as client:
        _print(client.rollouts.promote(_find(client, which).rollout_id, reason=reason), Output.TABLE)


@app.command()
def abort(which: WhichArgument, *, reason: ReasonOption = "", url: UrlOption = None, home: HomeOption = None) -> None:
    """Send all requests to the former version with this call, and take the candidate back.

    \b
    Examples:
      modelyard rollouts abort churn --reason "callers complain"
    """
    with connect(url, home) as client:
        _print(client.rollouts.abort(_find(client, which).rollout_id, reason=reason), Output.TABLE)


@app.command()
def plan(
    model: ModelArgument,
    *,
    file: FileOption = None,
    remove: Annotated[bool, typer.Option("--remove", help="Roll promotions out no more.")] = False,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show or set the plan by which each promotion of a model is rolled out.

    \b
    Examples:
      modelyard rollouts plan churn
      modelyard rollouts plan churn -f rollout.yaml
      modelyard rollouts plan churn --remove
    """
    if file is not None and remove:
        raise typer.BadParameter("--file: expected a plan, or --remove, got both")
    with connect(url, home) as client:
        if remove:
            client.rollouts.remove_plan(model)
            say(f"promotions of {model} take all requests at once")
            return
        print_json(client.rollouts.plan(model) if file is None else client.rollouts.set_plan(model, _read(file)))


def _find(client: "Client", which: str) -> "Rollout":
    if which.startswith("ro-"):
        return client.rollouts.get(which)
    found = client.rollouts.latest(which)
    if found is None:
        raise CommandError(f"model '{which}' has no roll-out", exit_code=ExitCode.NOT_FOUND)
    return found


def _read(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise typer.BadParameter(f"{file}: expected a file of YAML or JSON: {error}") from error
    if not isinstance(content, dict):
        raise typer.BadParameter(f"{file}: expected fields like steps, got {type(content).__name__}")
    return content


def _watch(client: "Client", rollout: "Rollout") -> "Rollout":
    """A line for each change until it ends. An interruption leaves the roll-out alone."""
    last: list[str] = []
    while True:
        now = [_headline(rollout), *(f"  {one.guardrail}: {one.verdict}, {one.message}" for one in rollout.findings)]
        for line in now:
            if line not in last:
                say(line)
        last = now
        if rollout.is_finished:
            return rollout
        time.sleep(_LOOK_SECONDS)
        rollout = client.rollouts.get(rollout.rollout_id)


def _headline(rollout: "Rollout") -> str:
    done = round(rollout.percent / 5)
    bar = "#" * done + "." * (20 - done)
    reason = f": {rollout.reason}" if rollout.reason else ""
    step = f"step {rollout.step + 1}/{len(rollout.steps)} {rollout.steps[rollout.step]}"
    return f"[{bar}] {rollout.percent:g} %  {rollout.status}  {step}{reason}"


def _require_success(rollout: "Rollout") -> None:
    if rollout.status == "rolled_back":
        raise CommandError(f"version {rollout.candidate} was taken back: {rollout.reason}", exit_code=ExitCode.FAILED)


def _print(rollout: "Rollout", output: Output) -> None:
    if output is Output.JSON:
        print_json(rollout)
        return
    print_facts(
        {
            "roll-out": rollout.rollout_id,
            "model": rollout.name,
            "versions": f"{rollout.former} -> {rollout.candidate}",
            "status": rollout.status,
            "step": f"{rollout.step + 1} of {len(rollout.steps)}: {rollout.steps[rollout.step]}",
            "percent": f"{rollout.percent:g}",
            "shadow": f"{rollout.shadow_percent:g}" if rollout.shadow_percent else None,
            "reason": rollout.reason,
            "request": rollout.request_id,
            "job": rollout.job_id,
            **{one.guardrail: f"{one.verdict}: {one.message}" for one in rollout.findings},
        }
    )


def _share(guardrail: Mapping[str, Any], what: str) -> str:
    """Of the evidence that the verdict needs."""
    reached = guardrail["points"][-1][what] if guardrail["points"] else 0.0
    return f"{max(0.0, min(1.0, reached / guardrail[f'{what}_bound'])):.0%}"
