"""`modelyard promote` and `modelyard rollback`: versions on their way to production and back."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, Output, OutputOption, RevisionOption, UrlOption
from modelyard_client.cli.promotion_guide import next_steps
from modelyard_client.cli.requests import tell_request
from modelyard_client.cli.terminal import print_facts, print_json, say
from modelyard_client.cli.version_reference import VersionArgument, name_and_version

if TYPE_CHECKING:
    from modelyard_client.promotion import Staged


class Stage(StrEnum):
    """Where a version can go."""

    NONE = "none"
    STAGING = "staging"
    PRODUCTION = "production"
    ARCHIVED = "archived"


def promote(
    version: VersionArgument,
    *,
    to: Annotated[Stage, typer.Option("--to", help="The stage.")],
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why; the audit log keeps it.", metavar="TEXT")],
    revision: RevisionOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Move a version to a stage. Production is asked for: somebody else approves it, and this says who can and how.

    Of two concurrent moves one succeeds, and the other fails with exit code 6.

    \b
    Examples:
      modelyard promote churn/3 --to staging --comment "passed the bias review"
      modelyard promote churn/3 --to production --comment "better on all metrics"
    """
    name, number = name_and_version(version)
    with connect(url, home) as client:
        seen = client.versions.get(name, number).revision if revision is None else revision
        staged = client.promotion.move(name, number, to, comment=comment, revision=seen)
        guide = [] if staged.request is None else next_steps(client, staged.request)
    _print(staged, output)
    for line in guide:
        say(line)


def rollback(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    *,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why.", metavar="TEXT")] = "",
    revision: RevisionOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Put the version that was in production before back there; the present one is archived.

    Of two concurrent rollbacks one succeeds, and the other fails with exit code 6: the second does not undo the first.

    \b
    Examples:
      modelyard rollback churn --comment "version 3 refuses old customers"
    """
    with connect(url, home) as client:
        seen = client.models.revision(model) if revision is None else revision
        staged = client.promotion.rollback(model, comment=comment, revision=seen)
    _print(staged, output)


def _print(staged: "Staged", output: Output) -> None:
    if output is Output.JSON:
        print_json(staged)
    elif staged.request is not None:
        tell_request(staged.request, output)
    else:
        print_facts({"model": staged.name, "version": staged.version, "stage": staged.stage})
