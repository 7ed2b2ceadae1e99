"""`modelyard members`: list, add, role, remove."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import age, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.members import Member

app = typer.Typer(
    cls=NounGroup, rich_markup_mode=None, help="Members of one's tenant: list (the default), add, role, remove."
)


class Role(StrEnum):
    """What a member is."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    APPROVER = "approver"
    ADMIN = "admin"


MemberArgument = Annotated[str, typer.Argument(help="The member's name.", metavar="MEMBER")]


@app.command("list")
def list_members(
    *, limit: LimitOption = 50, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """List members of the tenant.

    \b
    Examples:
      modelyard members
      modelyard members list --output json
    """
    with connect(url, home) as client:
        found = list(client.members.list(limit=limit))
    if output is Output.JSON:
        print_json({"members": found})
        return
    rows = ((member.subject, member.kind, member.role, member.created_by, age(member.created_at)) for member in found)
    print_table(("member", "kind", "role", "added by", "age"), rows)


@app.command()
def add(
    member: MemberArgument,
    *,
    role: Annotated[Role, typer.Option("--role", help="What they may.")],
    service: Annotated[bool, typer.Option("--service", help="A program, not a person.")] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Let a person or a service be a member. `modelyard tokens create` then makes their token.

    \b
    Examples:
      modelyard members add dora --role developer
      modelyard members add ci --role developer --service
    """
    with connect(url, home) as client:
        added = client.members.add(member, role=role, kind="service" if service else "person")
    _print(added, output)


@app.command("role")
def change_role(
    member: MemberArgument,
    role: Annotated[Role, typer.Argument(help="What they may.")],
    *,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Give a member another role, which counts at once.

    \b
    Examples:
      modelyard members role dora approver
    """
    with connect(url, home) as client:
        changed = client.members.change_role(member, role)
    _print(changed, output)


@app.command()
def remove(member: MemberArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """End a membership, and revoke the member's tokens.

    \b
    Examples:
      modelyard members remove dora
    """
    with connect(url, home) as client:
        client.members.remove(member)
    say(f"{member} is not a member any more.")


def _print(member: "Member", output: Output) -> None:
    if output is Output.JSON:
        print_json(member)
        return
    print_facts({"member": member.subject, "kind": member.kind, "role": member.role})
