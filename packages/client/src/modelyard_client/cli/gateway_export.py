"""`modelyard gateway export`: the gateway's objects as a file, a program or objects."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, UrlOption
from modelyard_client.cli.terminal import say


class Format(StrEnum):
    """What the objects are written as."""

    MODELYARD = "modelyard"
    PULUMI = "pulumi"
    BICEP = "bicep"
    GATEWAY_API = "gateway-api"


def export(
    *,
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.MODELYARD,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Else it is printed.", metavar="FILE")] = None,
    operations: Annotated[
        bool, typer.Option("--operations", help="Let APIs without a document pass on every path at Azure.")
    ] = False,
    publisher_name: Annotated[
        str | None, typer.Option("--publisher-name", help="Let the program make the service, too.", metavar="NAME")
    ] = None,
    publisher_email: Annotated[
        str | None, typer.Option("--publisher-email", help="With --publisher-name.", metavar="ADDRESS")
    ] = None,
    gateway: Annotated[
        str, typer.Option("--gateway", help="The Gateway that routes of gateway-api are attached to.", metavar="NAME")
    ] = "modelyard",
    namespace: Annotated[
        str, typer.Option("--namespace", help="Of the routes of gateway-api.", metavar="NAME")
    ] = "default",
    partial: Annotated[
        bool, typer.Option("--partial", help="Of gateway-api, leave out and name in comments what it cannot say.")
    ] = False,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Write the gateway's version sets, APIs and releases as code.

    \b
    Examples:
      modelyard gateway export > gateway.yaml
      modelyard gateway export --format pulumi --file __main__.py
      modelyard gateway export --format gateway-api --gateway public --namespace gateways
      modelyard gateway export --format bicep --publisher-name Team --publisher-email team@example.com
    """
    with connect(url, home) as client:
        found = client.gateway_code.export(
            form,
            operations=operations,
            publisher_name=publisher_name,
            publisher_email=publisher_email,
            gateway=gateway,
            namespace=namespace,
            partial=partial,
        )
    if file is None:
        typer.echo(found.content, nl=False)
        return
    file.write_text(found.content, encoding="utf-8")
    say(f"{file} is written.")
