"""`modelyard gateway status`, and `modelyard gateway explain`, which is also `modelyard explain`."""

from typing import Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import print_facts, print_json, print_table

_SHOWN = 200
"""Of why a node refuses a configuration; Envoy may quote it."""


def status(*, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None) -> None:
    """Show the gateway's public addresses, and whether its newest configuration is applied.

    \b
    Examples:
      modelyard gateway status
    """
    with connect(url, home) as client:
        found = client.gateway.status()
    if output is Output.JSON:
        print_json(found)
        return
    print_facts({"addresses": ", ".join(found.addresses) or "none", "configuration": found.configuration["state"]})
    if found.refused:
        print_table(
            ("refused", "tenant", "since", "why"),
            ((each["subject"], each["tenant_id"], each["since"], each["reason"][:_SHOWN]) for each in found.refused),
        )
    if found.nodes:
        print_table(
            ("node", "address", "envoy", "problem"),
            (
                (
                    node["name"],
                    f"{node['host']}:{node['port']}",
                    node["envoy_version"] or "-",
                    (node["problem"] or node["reason"] or "-")[:_SHOWN],
                )
                for node in found.nodes
            ),
        )


def explain(
    address: Annotated[str, typer.Argument(help="An address of the gateway, or a path of it.", metavar="ADDRESS")],
    *,
    method: Annotated[str, typer.Option("--method", help="GET, POST, …", metavar="METHOD")] = "GET",
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="'name: value'; may be repeated.", metavar="LINE")
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Say where a request would go, and why. Nothing is sent.

    \b
    Examples:
      modelyard explain http://127.0.0.1:8080/churn/predict
      modelyard explain /ml-model/predict --header 'Api-Version: v2'
    """
    with connect(url, home) as client:
        found = client.gateway.explain(address, method=method, headers=header or ())
    if output is Output.JSON:
        print_json(found)
        return
    print_facts(
        {
            "outcome": found.outcome if found.status is None else f"{found.outcome} {found.status}",
            "why": found.sentence,
            "route": found.route,
            "path at the server": found.path,
            "needs a subscription": found.needs_subscription,
        }
    )
    if found.destinations:
        print_table(
            ("backend", "model", "version", "percent"),
            (
                (each["backend"], each["model_name"] or "-", each["version"] or "-", f"{each['percent']:g}")
                for each in found.destinations
            ),
        )
