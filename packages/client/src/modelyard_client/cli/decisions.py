"""`modelyard approve`, `reject` and `withdraw`: three words on one request, which differ in nothing else."""

from typing import Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.requests import tell_request
from modelyard_client.cli.version_reference import RequestArgument, named_request

CommentOption = Annotated[str, typer.Option("--comment", "-m", help="Why; the audit log keeps it.", metavar="TEXT")]


def approve(
    request: RequestArgument,
    *,
    comment: CommentOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Agree that a version goes to production; with the last approval needed it does.

    \b
    Examples:
      modelyard approve churn/3 --comment "looked at the errors"
    """
    with connect(url, home) as client:
        decided = client.promotion.approve(named_request(client, request), comment=comment)
    tell_request(decided, output)


def reject(
    request: RequestArgument,
    *,
    comment: CommentOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Say no to a request; the version stays in staging.

    \b
    Examples:
      modelyard reject churn/3 --comment "worse for new customers"
    """
    with connect(url, home) as client:
        decided = client.promotion.reject(named_request(client, request), comment=comment)
    tell_request(decided, output)


def withdraw(
    request: RequestArgument,
    *,
    comment: CommentOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Take one's own request back.

    \b
    Examples:
      modelyard withdraw churn/3
    """
    with connect(url, home) as client:
        decided = client.promotion.withdraw(named_request(client, request), comment=comment)
    tell_request(decided, output)
