"""`modelyard delete` and `modelyard undelete`."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import CommandError
from modelyard_client.cli.job_end import tell_accepted, tell_end
from modelyard_client.cli.options import (
    HomeOption,
    Output,
    OutputOption,
    UrlOption,
    WaitOption,
    WaitSecondsOption,
    waiting,
)
from modelyard_client.cli.terminal import print_json, print_line, print_table, say, shown
from modelyard_client.cli.version_reference import VersionArgument, name_and_version

if TYPE_CHECKING:
    from modelyard_client.deletions import DeletionPlan


class Mode(StrEnum):
    """How much goes from MLflow."""

    NOTHING = "nothing"
    RUN = "run"
    EXPERIMENT = "experiment"


_NUMBERS = {Mode.NOTHING: 0, Mode.RUN: 1, Mode.EXPERIMENT: 2}
_REASON_HELP = "Why, for the audit log."


def delete(
    what: Annotated[
        str,
        typer.Argument(help="A version, like churn/3, or a model with all its versions.", metavar="MODEL[/VERSION]"),
    ],
    *,
    mode: Annotated[
        Mode, typer.Option("--mode", help="What goes from MLflow too, where no other version uses it.")
    ] = Mode.NOTHING,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    reason: Annotated[str, typer.Option("--reason", help=_REASON_HELP, metavar="TEXT")] = "",
    wait: WaitOption = True,
    wait_seconds: WaitSecondsOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Delete a version, or a model, with what hangs on it.

    The plan is shown first, and what was changed since is not deleted. Within its grace a deleted version can be
    restored.

    \b
    Examples:
      modelyard delete churn/3 --dry-run --mode run
      modelyard delete churn/3 --mode run --reason "wrong data"
      modelyard delete churn --mode experiment --yes --no-wait
    """
    is_waited_for = waiting(wait=wait, wait_seconds=wait_seconds)
    name, version = name_and_version(what) if "/" in what else (what, None)
    with connect(url, home) as client:
        plan = client.deletions.plan(name, version, mode=_NUMBERS[mode])
        if dry_run and output is Output.JSON:
            print_json(plan)
            return
        if dry_run or not yes:
            _show(plan)
        if dry_run:
            return
        if not yes and not plan.is_blocked:
            _ask(what)
        submission = client.deletions.delete(name, version, mode=_NUMBERS[mode], reason=reason, revision=plan.revision)
        if is_waited_for:
            tell_end(client, submission, output=output, shows_log=False, seconds=wait_seconds)
        else:
            tell_accepted(submission, output)


def undelete(
    version: VersionArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help=_REASON_HELP, metavar="TEXT")] = "",
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Take a deleted version back, before its grace is over.

    \b
    Examples:
      modelyard undelete churn/3 --reason "needed after all"
    """
    name, number = name_and_version(version)
    with connect(url, home) as client:
        client.deletions.restore(name, number, reason=reason)
    print_line(f"{name}/{number} is there again; it is not deployed")


def _show(plan: "DeletionPlan") -> None:
    goes = [(one.kind, one.version, one.name, _size(one.size_bytes), one.detail) for one in plan.removes]
    print_table(("goes", "version", "name", "size", "detail"), goes)
    for kind, count in plan.counts.items():
        named = sum(one.kind == kind for one in plan.removes)
        if count > named:
            print_line(f"…and {count - named} more of {kind}")
    if plan.keeps:
        print_line("")
        print_table(("stays", "name", "because"), [(one.kind, one.name, one.reason) for one in plan.keeps])
    if plan.blockers:
        print_line("")
        print_table(("stopped by", "because"), [(one.code, one.message) for one in plan.blockers])
    if plan.purge_after is not None and not plan.is_blocked:
        say(f"can be restored until {shown(plan.purge_after)}")


def _ask(what: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError("no terminal to confirm on: repeat it with --yes to delete")
    if not typer.confirm(f"Delete {what}?", err=True):
        raise CommandError("nothing was deleted")


def _size(size: int | None) -> str | None:
    if size is None:
        return None
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
