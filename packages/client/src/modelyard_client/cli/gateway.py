"""`modelyard gateway`: push, diff, pull, export."""

import typer

from modelyard_client.cli.gateway_azure import diff, pull, push
from modelyard_client.cli.gateway_export import export

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The gateway in other places and forms: push, diff, pull, export.",
)
for command in (push, diff, pull, export):
    app.command()(command)
