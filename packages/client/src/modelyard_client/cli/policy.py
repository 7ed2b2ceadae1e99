"""`modelyard policy`: show, set."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import print_facts, print_json

if TYPE_CHECKING:
    from modelyard_client.promotion import Policy

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What a model's promotion needs: show, set.")
ModelArgument = Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")]


@app.command()
def show(
    model: ModelArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show a model's policy.

    \b
    Examples:
      modelyard policy show churn
      modelyard policy show churn --output json > policy.json
    """
    with connect(url, home) as client:
        found = client.promotion.policy(model)
    _print(found, output)


@app.command("set")
def set_policy(
    model: ModelArgument,
    file: Annotated[Path, typer.Argument(help="The policy as JSON; - is stdin.", metavar="FILE", allow_dash=True)],
    *,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Put a policy in place of the one before. Open requests of the model expire.

    What `policy show --output json` wrote can be edited and passed here: it is refused when the policy was changed in
    between. A policy alone, like {"needed_approvals": 2}, takes the place of the one that is there now.

    \b
    Examples:
      modelyard policy set churn policy.json
      echo '{"checks": ["bias"], "auto_staging": true}' | modelyard policy set churn -
    """
    content = _read(file)
    is_shown = set(content) == {"name", "policy", "revision"}
    policy, revision = (content["policy"], content["revision"]) if is_shown else (content, None)
    with connect(url, home) as client:
        seen = client.promotion.policy(model).revision if revision is None else revision
        found = client.promotion.set_policy(model, policy, revision=seen)
    _print(found, output)


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file}: expected a file of JSON: {error}") from error
    if not isinstance(content, dict):
        raise typer.BadParameter(f"{file}: expected a JSON object, got {type(content).__name__}")
    return content


def _print(found: "Policy", output: Output) -> None:
    if output is Output.JSON:
        print_json(found)
        return
    print_facts({"model": found.name, "revision": found.revision, **found.policy})
