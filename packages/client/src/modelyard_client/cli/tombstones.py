"""`modelyard tombstones`: what is left of deleted versions, which `modelyard undelete` takes back."""

from typing import Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import print_json, print_table


def tombstones(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    *,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List the deleted versions of a model, and until when they can be restored.

    \b
    Examples:
      modelyard tombstones churn
      modelyard tombstones churn --limit 200 --output json
    """
    with connect(url, home) as client:
        found = list(client.deletions.tombstones(model, limit=limit))
    if output is Output.JSON:
        print_json({"tombstones": found})
        return
    columns = ("version", "state", "deleted", "by", "restorable until")
    print_table(columns, ((one.version, one.state, one.deleted_at, one.deleted_by, one.purge_after) for one in found))
