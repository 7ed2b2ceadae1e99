"""`modelyard tokens`: list, create, revoke."""

from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import age, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.tokens import Token

app = typer.Typer(cls=NounGroup, rich_markup_mode=None, help="Access tokens: list (the default), create, revoke.")
_DAY = 24 * 3600


@app.command("list")
def list_tokens(
    *, limit: LimitOption = 50, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """List tokens: one's own, and for administrators those of all members.

    \b
    Examples:
      modelyard tokens
      modelyard tokens list --output json
    """
    with connect(url, home) as client:
        found = list(client.tokens.list(limit=limit))
    if output is Output.JSON:
        print_json({"tokens": found})
        return
    print_table(
        ("token", "member", "made by", "name", "scopes", "last used", "expires", "revoked"),
        (
            (
                token.token_id,
                token.subject,
                token.created_by,
                token.name,
                _scopes(token),
                age(token.last_used_at),
                token.expires_at,
                token.revoked_at,
            )
            for token in found
        ),
    )


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.", metavar="NAME")],
    *,
    member: Annotated[str | None, typer.Option("--member", help="Whose it is; else one's own.", metavar="NAME")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="A permission, like models:read; may be repeated.", metavar="PERMISSION"),
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="How long it is valid.", metavar="N")] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Make a token, which is shown once.

    \b
    Examples:
      modelyard tokens create laptop
      modelyard tokens create ci --member builder --scope jobs:write --scope jobs:read --days 90
    """
    seconds = None if days is None else days * _DAY
    with connect(url, home) as client:
        made = client.tokens.create(name, subject=member, scopes=scope or None, expires_in_seconds=seconds)
    if output is Output.JSON:
        print_json(made)
        return
    print_facts({"token": made.token.token_id, "member": made.token.subject, "secret": made.secret})
    say("The secret is shown only now.")


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="The token's id.", metavar="TOKEN")],
    *,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Revoke a token, at once and for ever.

    \b
    Examples:
      modelyard tokens revoke token-0123456789abcdef
    """
    with connect(url, home) as client:
        revoked = client.tokens.revoke(token)
    if output is Output.JSON:
        print_json(revoked)
        return
    print_facts({"token": revoked.token_id, "member": revoked.subject, "revoked": revoked.revoked_at})


def _scopes(token: "Token") -> str:
    return "whole role" if token.scopes is None else ", ".join(token.scopes)
