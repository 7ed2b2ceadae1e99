"""`modelyard gateway push | diff | pull`: the gateway's objects and Azure API Management."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import CommandError, ExitCode
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
from modelyard_client.cli.terminal import print_json, print_line, print_table, say

if TYPE_CHECKING:
    from modelyard_client.azure_apim import PushPlan


class Place(StrEnum):
    """Where the gateway's objects can be pushed."""

    AZURE_APIM = "azure-apim"


ToOption = Annotated[Place, typer.Option("--to", help="Where to.")]
FromOption = Annotated[Place, typer.Option("--from", help="Where from.")]
PruneOption = Annotated[bool, typer.Option("--prune", help="Delete what is ours there and wanted no more.")]
AdoptOption = Annotated[bool, typer.Option("--adopt", help="Take over what has the name of ours and bears no mark.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def push(
    *,
    to: ToOption,
    prune: PruneOption = False,
    adopt: AdoptOption = False,
    yes: YesOption = False,
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Make Azure API Management have the gateway's version sets, APIs, revisions and releases.

    The plan is shown first, and what is pushed is that plan or nothing. A job does it, which goes on after a crash;
    pushing again changes only what differs. What somebody else wrote there stays.

    \b
    Examples:
      modelyard gateway push --to azure-apim
      modelyard gateway push --to azure-apim --prune --yes
    """
    waits = waiting(wait=wait, wait_seconds=wait_seconds)
    del to  # There is one so far.
    with connect(url, home) as client:
        plan = client.azure_apim.plan(prune=prune, adopt=adopt)
        _require_supported(plan)
        if plan.changes == 0:
            if output is Output.JSON:
                print_json({"plan": plan, "changed": []})
            else:
                say("Azure API Management has what the gateway says.")
            return
        if output is Output.TABLE:
            _print(plan, changes_only=True)
        _confirm(plan.changes, yes=yes)
        submission = client.azure_apim.push(prune=prune, adopt=adopt, plan=plan.digest)
        if not waits:
            tell_accepted(submission, output)
            return
        job = wait_for_job(client, submission.job_id, shows_log=output is Output.TABLE, seconds=wait_seconds)
        changed = client.azure_apim.changed_by(submission.job_id)
    if output is Output.JSON:
        print_json({"plan": plan, "job": job, "changed": changed})
    require_success(job)
    say(f"{len(changed)} resources changed.")


def diff(
    *,
    to: ToOption = Place.AZURE_APIM,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show what differs at Azure API Management; exit code 1 when anything of ours does.

    \b
    Examples:
      modelyard gateway diff
      modelyard gateway diff --output json
    """
    del to
    with connect(url, home) as client:
        plan = client.azure_apim.plan()
    if output is Output.JSON:
        print_json(plan)
    else:
        _print(plan, changes_only=False)
    if plan.drift or plan.refusals:
        raise typer.Exit(ExitCode.FAILED)


def pull(
    *,
    source: FromOption = Place.AZURE_APIM,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Write it as a file that apply takes.", metavar="FILE")
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show what Azure API Management has, and who wrote it; or write it as a file that apply takes.

    Changes nothing, here or there. What Azure cannot say of an object that is here as well, such as what answers an
    API, is in the file as it is here.

    \b
    Examples:
      modelyard gateway pull --from azure-apim
      modelyard gateway pull --from azure-apim --file gateway.yaml
      modelyard gateway pull --output json
    """
    del source
    with connect(url, home) as client:
        if file is not None:
            file.write_text(client.gateway_code.pull().content, encoding="utf-8")
            say(f"{file} is written.")
            return
        found = client.azure_apim.resources()
    if output is Output.JSON:
        print_json(found)
        return
    say(f"{found.service} at {found.gateway_url or '-'} ({', '.join(found.addresses) or 'no public address'})")
    print_table(
        ("resource", "name", "written by"),
        ((each.resource, each.properties.get("displayName"), each.written_by) for each in found.resources),
    )


def _require_supported(plan: "PushPlan") -> None:
    if plan.refusals:
        lines = [f"{each.subject}: {each.field}: {each.reason}" for each in plan.refusals]
        raise CommandError("Azure API Management cannot honour:\n  " + "\n  ".join(lines), exit_code=ExitCode.USAGE)


def _confirm(changes: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("no terminal to confirm on: repeat it with --yes to push", exit_code=ExitCode.USAGE)
    if not typer.confirm(f"Push {changes} changes?", err=True):
        raise CommandError("nothing was pushed")


def _print(plan: "PushPlan", *, changes_only: bool) -> None:
    shown = [step for step in plan.steps if step.action != "unchanged"]
    if changes_only:
        shown = [step for step in shown if step.action in ("create", "update", "delete")]
    for step in shown:
        print_line(f"{step.action:9} {step.resource}")
        for each in step.differences:
            print_line(f"          {each.field}: {each.before} → {each.after}")
    for skipped in plan.skipped:
        print_line(f"skipped   {skipped.subject}: {skipped.reason}")
    for refused in plan.refusals:
        print_line(f"refused   {refused.subject}: {refused.field}: {refused.reason}")
    if not shown and not plan.refusals:
        say("Azure API Management has what the gateway says.")
