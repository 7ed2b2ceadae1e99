"""`modelyard requests`: list, show."""

from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import age, print_facts, print_json, print_line, print_table
from modelyard_client.cli.version_reference import RequestArgument, named_request

if TYPE_CHECKING:
    from modelyard_client.promotion import PromotionRequest

app = typer.Typer(cls=NounGroup, rich_markup_mode=None, help="Requests for production: list (the default), show.")


@app.command("list")
def list_requests(
    *,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only of this model.", metavar="NAME")] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Only these, e.g. requested, approved.", metavar="STATUS")
    ] = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List requests for production, newest first.

    \b
    Examples:
      modelyard requests --status requested
      modelyard requests list --model churn --output json
    """
    with connect(url, home) as client:
        found = list(client.promotion.requests(name=model, status=status, limit=limit))
    if output is Output.JSON:
        print_json({"requests": found})
        return
    print_table(
        ("request", "version", "status", "by", "approvals", "policy", "age"),
        (
            (
                request.request_id,
                f"{request.name}/{request.version}",
                request.status,
                request.requested_by,
                f"{len(request.approvers)} of {request.needed_approvals}",
                _policy(request),
                age(request.requested_at),
            )
            for request in found
        ),
    )


@app.command()
def show(
    request: RequestArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show a request with what the model's policy found.

    \b
    Examples:
      modelyard requests show churn/3
    """
    with connect(url, home) as client:
        found = named_request(client, request)
    tell_request(found, output)


def tell_request(request: "PromotionRequest", output: Output) -> None:
    """One request, on stdout."""
    if output is Output.JSON:
        print_json(request)
        return
    print_facts(
        {
            "request": f"{request.name}/{request.request_id}",
            "version": f"{request.name}/{request.version}",
            "status": request.status,
            "reason": request.reason,
            "comment": request.comment,
            "requested by": request.requested_by,
            "approvals": f"{len(request.approvers)} of {request.needed_approvals}",
            "approved by": ", ".join(request.approvers),
            "decided by": request.decided_by,
            "expires": request.expires_at if request.status == "requested" else None,
        }
    )
    if request.findings:
        print_line("")
        rows = (("met" if finding.is_met else "NOT MET", finding.message) for finding in request.findings)
        print_table(("policy", "finding"), rows)


def _policy(request: "PromotionRequest") -> str:
    unmet = sum(not finding.is_met for finding in request.findings)
    return f"{unmet} not met" if unmet else "met"
