"""`modelyard gateway`: status, explain, push, diff, pull, export."""

import typer

from modelyard_client.cli.gateway_azure import diff, pull, push
from modelyard_client.cli.gateway_export import export
from modelyard_client.cli.gateway_status import explain, status

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The gateway, and its objects in other places and forms: status, explain, push, diff, pull, export.",
)
for command in (status, explain, push, diff, pull, export):
    app.command()(command)
