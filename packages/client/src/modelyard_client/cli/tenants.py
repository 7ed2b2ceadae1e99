"""`modelyard tenants`: list, create, quotas, suspend, resume, delete, reissue."""

from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import age, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.tenants import Tenant

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="Tenants, for operators: list (the default), create, quotas, suspend, resume, delete, reissue.",
)
TenantArgument = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; the audit log keeps it.", metavar="TEXT")]
QuotaOption = Annotated[
    list[str] | None,
    typer.Option(
        "--quota",
        help="The most of models, versions, replicas, concurrent_jobs, upload_bytes or tokens; may be repeated.",
        metavar="RESOURCE=N",
    ),
]


@app.command("list")
def list_tenants(
    *, limit: LimitOption = 50, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """List tenants.

    \b
    Examples:
      modelyard tenants
      modelyard tenants list --output json
    """
    with connect(url, home) as client:
        found = list(client.tenants.list(limit=limit))
    if output is Output.JSON:
        print_json({"tenants": found})
        return
    rows = ((tenant.tenant_id, tenant.name, _shown(tenant), _state(tenant), age(tenant.created_at)) for tenant in found)
    print_table(("tenant", "name", "quotas", "state", "age"), rows)


@app.command()
def create(
    tenant: TenantArgument,
    *,
    admin: Annotated[str, typer.Option("--admin", help="Its first administrator.", metavar="NAME")],
    name: Annotated[str | None, typer.Option("--name", help="Its name for people.", metavar="TEXT")] = None,
    quota: QuotaOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Make a tenant with its administrator, whose token is shown once.

    \b
    Examples:
      modelyard tenants create acme --admin ada
      modelyard tenants create acme --admin ada --quota models=20 --quota replicas=50
    """
    quotas = _quotas(quota)
    with connect(url, home) as client:
        made, token = client.tenants.create(tenant, admin=admin, name=name, quotas=quotas)
    if output is Output.JSON:
        print_json({"tenant": made, "admin_token": token})
        return
    print_facts({"tenant": made.tenant_id, "administrator": token.token.subject, "token": token.secret})
    say("The token is shown only now.")


@app.command()
def quotas(
    tenant: TenantArgument,
    *,
    quota: QuotaOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show a tenant's quotas, or set them in place of all of those before.

    \b
    Examples:
      modelyard tenants quotas acme
      modelyard tenants quotas acme --quota models=20 --quota concurrent_jobs=4
    """
    wanted = _quotas(quota)
    with connect(url, home) as client:
        found = client.tenants.change(tenant, quotas=wanted) if wanted else client.tenants.get(tenant)
    if output is Output.JSON:
        print_json(found)
        return
    print_facts({"tenant": found.tenant_id, "quotas": _shown(found)})


@app.command()
def suspend(
    tenant: TenantArgument, *, reason: ReasonOption = "", url: UrlOption = None, home: HomeOption = None
) -> None:
    """Suspend a tenant: its members have no access. Its deployments keep serving.

    \b
    Examples:
      modelyard tenants suspend acme --reason "the contract ended"
    """
    with connect(url, home) as client:
        client.tenants.suspend(tenant, reason=reason)
    say(f"{tenant} is suspended.")


@app.command()
def resume(
    tenant: TenantArgument, *, reason: ReasonOption = "", url: UrlOption = None, home: HomeOption = None
) -> None:
    """Let a suspended tenant in again, with the tokens of before.

    \b
    Examples:
      modelyard tenants resume acme
    """
    with connect(url, home) as client:
        client.tenants.resume(tenant, reason=reason)
    say(f"{tenant} is let in again.")


@app.command()
def delete(
    tenant: TenantArgument, *, reason: ReasonOption = "", url: UrlOption = None, home: HomeOption = None
) -> None:
    """Shut a suspended tenant for ever; refused while anything of it runs.

    \b
    Examples:
      modelyard tenants delete acme --reason "the contract ended"
    """
    with connect(url, home) as client:
        client.tenants.delete(tenant, reason=reason)
    say(f"{tenant} is deleted; its id is never used again.")


@app.command()
def reissue(
    tenant: TenantArgument,
    *,
    admin: Annotated[str, typer.Option("--admin", help="An administrator of it.", metavar="NAME")],
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Give an administrator who lost the token another one, shown once, in place of all that they had.

    \b
    Examples:
      modelyard tenants reissue acme --admin ada
    """
    with connect(url, home) as client:
        token = client.tenants.reissue_admin_token(tenant, admin=admin)
    if output is Output.JSON:
        print_json(token)
        return
    print_facts({"tenant": tenant, "administrator": token.token.subject, "token": token.secret})
    say("The token is shown only now.")


def _state(tenant: "Tenant") -> str:
    return "open" if tenant.suspended_at is None else "suspended"


def _quotas(given: list[str] | None) -> dict[str, int]:
    parsed = {}
    for text in given or []:
        resource, _, most = text.partition("=")
        if not (resource and most.isascii() and most.isdigit()):
            raise typer.BadParameter(f"--quota: expected RESOURCE=N, like models=20, got {text!r}")
        parsed[resource] = int(most)
    return parsed


def _shown(tenant: "Tenant") -> str:
    return ", ".join(f"{resource}={most}" for resource, most in sorted(tenant.quotas.items())) or "none"
