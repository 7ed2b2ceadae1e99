"""`modelyard audit`: list, follow, verify, export, production."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import ExitCode
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption, VersionOption
from modelyard_client.cli.terminal import clean, print_facts, print_json, print_json_line, print_line, print_table, say
from modelyard_client.whole_files import draft_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard_client.audit import Production, Stay

app = typer.Typer(
    cls=NounGroup, rich_markup_mode=None, help="The audit log: list (the default), follow, verify, export, production."
)
ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="About this model.", metavar="NAME")]
ActorOption = Annotated[str | None, typer.Option("--actor", help="By this member.", metavar="NAME")]
ActionOption = Annotated[
    str | None, typer.Option("--action", help="One action, or all of a noun: version.*", metavar="ACTION")
]
FromOption = Annotated[str | None, typer.Option("--from", help="From this moment on, ISO 8601 with a zone.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Before this moment.")]


@app.command("list")
def list_entries(
    *,
    model: ModelOption = None,
    version: VersionOption = None,
    actor: ActorOption = None,
    action: ActionOption = None,
    since: FromOption = None,
    until: ToOption = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List changes, newest first: who, when, what, why.

    \b
    Examples:
      modelyard audit
      modelyard audit list --model churn --action 'version.*'
      modelyard audit list --actor alice --from 2026-05-01T00:00:00Z --output json
    """
    which = {"model": model, "version": version, "actor": actor, "action": action, "since": since, "until": until}
    with connect(url, home) as client:
        found = list(client.audit.list(limit=limit, **which))
    if output is Output.JSON:
        print_json({"entries": found})
        return
    print_table(
        ("entry", "at", "actor", "action", "subject", "reason"),
        ((entry.sequence, entry.at, entry.actor, entry.action, entry.subject, entry.reason) for entry in found),
    )


@app.command()
def follow(
    *,
    after: Annotated[
        int | None,
        typer.Option("--after", min=0, help="Begin after this entry; else with what happens now.", metavar="ENTRY"),
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show changes as they happen, until it is interrupted. As JSON, each is a line.

    \b
    Examples:
      modelyard audit follow
      modelyard audit follow --after 17 --output json
    """
    with connect(url, home) as client:
        for change in client.audit.follow(after=after):
            if output is Output.JSON:
                print_json_line(change)
                continue
            when = "" if change.at is None else change.at.isoformat(timespec="seconds")
            print_line(clean(f"{change.sequence}  {when}  {change.actor}  {change.action}  {change.subject}"))


@app.command()
def verify(
    *,
    expect: Annotated[
        str | None, typer.Option("--expect", help="An anchor that was stored elsewhere.", metavar="NUMBER:HASH")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="An export in JSON Lines, proven here.", exists=True, dir_okay=False),
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Prove that no entry was changed, taken out or put between; exit code 1 when one was.

    That the end was cut off shows only with an anchor: the one that an earlier verification printed.

    \b
    Examples:
      modelyard audit verify
      modelyard audit verify --expect 17:5f1c…
      modelyard audit verify --file audit.jsonl
    """
    if file is None:
        with connect(url, home) as client:
            verdict = client.audit.verify(expect=expect)
    else:
        from modelyard_client.audit import verify_lines

        with file.open(encoding="utf-8", newline="\n") as lines:
            verdict = verify_lines(lines, expect=expect)
    if output is Output.JSON:
        print_json(verdict)
    else:
        answer_text = "yes" if verdict.is_valid else "no"
        print_facts(
            {"holds": answer_text, "entries": verdict.entries, "anchor": verdict.anchor, "reason": verdict.reason}
        )
    if not verdict.is_valid:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to; .csv makes CSV, all else JSON Lines.", metavar="FILE")],
    *,
    model: ModelOption = None,
    actor: ActorOption = None,
    action: ActionOption = None,
    since: FromOption = None,
    until: ToOption = None,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Write the log to a file, oldest first. Only a whole export can be verified.

    \b
    Examples:
      modelyard audit export audit.jsonl
      modelyard audit export may.csv --from 2026-05-01T00:00:00Z --to 2026-06-01T00:00:00Z
    """
    form = "csv" if file.suffix == ".csv" else "jsonl"
    which = {"model": model, "actor": actor, "action": action, "since": since, "until": until}
    with draft_of(file) as draft, draft.open("xb") as target, connect(url, home) as client:
        target.writelines(client.audit.export(form, **which))
    say(f"{file} is written.")


@app.command()
def production(
    model: Annotated[str | None, typer.Argument(help="The model's name; else all models.", metavar="MODEL")] = None,
    *,
    at: Annotated[str | None, typer.Option("--at", help="ISO 8601 with a zone; else now.", metavar="TIME")] = None,
    history: Annotated[bool, typer.Option("--history", help="Every stay of the model, the last one first.")] = False,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show what was in production at a moment, by the log; also of a model that is gone.

    \b
    Examples:
      modelyard audit production
      modelyard audit production --at 2026-05-01T12:00:00Z
      modelyard audit production churn --at 2026-05-01T12:00:00Z --output json
      modelyard audit production churn --history
    """
    if history and (model is None or at is not None):
        raise typer.BadParameter("--history is of one MODEL, and of all moments: leave --at out")
    with connect(url, home) as client:
        if model is not None and not history:
            _print_production(client.audit.production(model, at=at), output)
        elif model is not None:
            _print_stays(list(client.audit.production_history(model, limit=limit)), "stays", output)
        else:
            _print_stays(list(client.audit.all_production(at=at, limit=limit)), "models", output)


def _print_stays(stays: "Sequence[Stay]", plural: str, output: Output) -> None:
    if output is Output.JSON:
        print_json({plural: stays})
        return
    rows = ((each.name, each.version, each.since, each.until, each.by, each.reason) for each in stays)
    print_table(("model", "version", "since", "until", "by", "reason"), rows)


def _print_production(found: "Production", output: Output) -> None:
    if output is Output.JSON:
        print_json(found)
        return
    print_facts(
        {
            "model": found.name,
            "at": found.at,
            "version": "none" if found.version is None else found.version,
            "since": found.since,
            "until": found.until,
            "by": found.by,
            "reason": found.reason,
        }
    )
