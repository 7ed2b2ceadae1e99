"""`modelyard releases`: list, create, rollback."""

from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import age, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.gateway import Release

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Releases of APIs: list, create, rollback.")
ApiArgument = Annotated[str, typer.Argument(help="The API's id.", metavar="API")]
NotesOption = Annotated[str, typer.Option("--notes", help="What callers read.", metavar="TEXT")]


@app.command("list")
def list_releases(
    api: ApiArgument,
    *,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show the change log of an API, newest first.

    \b
    Examples:
      modelyard releases list churn-v1
    """
    with connect(url, home) as client:
        found = list(client.gateway.releases(api, limit=limit))
    if output is Output.JSON:
        print_json({"releases": found})
        return
    print_table(
        ("release", "cause", "changes", "notes", "by", "age"),
        (
            (
                each.release_id,
                each.cause,
                "; ".join(each.changes),
                each.api_release_notes,
                each.created_by,
                age(each.created_at),
            )
            for each in found
        ),
    )


@app.command()
def create(
    api: ApiArgument,
    *,
    revision: Annotated[int | None, typer.Option("--revision", help="Else the latest.", metavar="N")] = None,
    release_id: Annotated[str | None, typer.Option("--id", help="Else a random one.", metavar="RELEASE")] = None,
    notes: NotesOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Have a revision of an API answer from now on.

    \b
    Examples:
      modelyard releases create ml-model-v1 --id ml-model-release-v1 --notes 'Initial Release of ML Model v1'
    """
    with connect(url, home) as client:
        made = client.gateway.release(api, release_id=release_id, revision=revision, notes=notes)
    _print(made, output)


@app.command()
def rollback(
    api: ApiArgument,
    *,
    notes: NotesOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Have the revision answer that did before the current one.

    \b
    Examples:
      modelyard releases rollback churn-v1 --notes 'wrong scores for new customers'
    """
    with connect(url, home) as client:
        made = client.gateway.roll_back(api, notes=notes)
    _print(made, output)


def _print(release: "Release", output: Output) -> None:
    if output is Output.JSON:
        print_json(release)
        return
    say(f"release {release.release_id} of {release.api_id}: {'; '.join(release.changes) or 'nothing changed'}")
