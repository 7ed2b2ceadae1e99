"""`modelyard apply`: files that say what the gateway shall have."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import CommandError, ExitCode
from modelyard_client.cli.options import HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import print_json, print_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelyard_client.gateway_code import Applied, GatewayFile

_SUFFIXES = frozenset({".json", ".yaml", ".yml"})


def apply(
    *,
    files: Annotated[
        list[Path],
        typer.Option("--file", "-f", help="A file, or a folder of files; may be repeated.", metavar="PATH"),
    ],
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the files do not name, of the kinds that they list.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is deleted.")] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Make the gateway what files say: version sets, APIs, releases, products, subscriptions, traffic, roll-out plans.

    The files are checked as a whole, and applied as a whole or not at all. What they do not name stays. Applying them
    again changes nothing.

    \b
    Examples:
      modelyard apply -f gateway.yaml
      modelyard apply -f gateway/ --dry-run
      modelyard apply -f gateway.yaml --prune --yes
    """
    with connect(url, home) as client:
        sent = list(_read(files))
        planned = client.gateway_code.apply(sent, prune=prune, dry_run=True)
        if planned.problems:
            _refuse(planned, output)
        if dry_run:
            _print(planned, output)
            return
        _confirm(planned, yes=yes)
        _print(client.gateway_code.apply(sent, prune=prune), output)


def _read(places: list[Path]) -> "Iterator[GatewayFile]":
    from modelyard_client.gateway_code import GatewayFile

    for place in places:
        found = sorted(each for each in place.rglob("*") if each.suffix in _SUFFIXES) if place.is_dir() else [place]
        if not found:
            raise CommandError(f"{place}: expected files that end with .yaml, .yml or .json", exit_code=ExitCode.USAGE)
        for file in found:
            try:
                yield GatewayFile(name=str(file), content=file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                raise CommandError(f"{file} cannot be read: {error}", exit_code=ExitCode.USAGE) from error


def _refuse(planned: "Applied", output: Output) -> None:
    if output is Output.JSON:
        print_json(planned)
    else:
        for problem in planned.problems:
            print_line(problem.sentence)
    raise CommandError("nothing was changed: see what is wrong in the files", exit_code=ExitCode.USAGE)


def _confirm(planned: "Applied", *, yes: bool) -> None:
    deleted = [f"{each.kind}/{each.key}" for each in planned.changes if each.action == "delete"]
    if not deleted or yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("no terminal to confirm on: repeat it with --yes to delete", exit_code=ExitCode.USAGE)
    if not typer.confirm(f"Delete {', '.join(deleted)}?", err=True):
        raise CommandError("nothing was changed")


def _print(done: "Applied", output: Output) -> None:
    if output is Output.JSON:
        print_json(done)
        return
    for change in done.changes:
        print_line(f"{change.action:9} {change.kind}/{change.key}")
        for each in change.differences:
            print_line(f"          {each.field}: {each.before} → {each.after}")
    count = sum(each.action != "unchanged" for each in done.changes)
    print_line(f"{count} changed." if done.is_applied else f"{count} would change.")
