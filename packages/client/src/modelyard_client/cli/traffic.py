"""`modelyard traffic`: list, show, set, comparison, remove."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.shadow_reports import print_comparison
from modelyard_client.cli.terminal import print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.rollouts import Traffic

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="How requests of models are divided: list, show, set, comparison, remove.",
)
ModelArgument = Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")]


@app.command("list")
def list_traffic(*, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None) -> None:
    """List the models whose requests are divided.

    \b
    Examples:
      modelyard traffic
    """
    with connect(url, home) as client:
        found = client.traffic.list()
    if output is Output.JSON:
        print_json({"traffic": found})
        return
    print_table(
        ("model", "shares", "sticky", "shadow", "roll-out"),
        ((one.name, _shares(one), _sticky(one), _shadow(one), one.rollout_id) for one in found),
    )


@app.command()
def show(
    model: ModelArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show how the requests of a model are divided.

    \b
    Examples:
      modelyard traffic show churn
    """
    with connect(url, home) as client:
        _print(client.traffic.get(model), output)


@app.command("set")
def set_traffic(
    model: ModelArgument,
    shares: Annotated[
        list[str], typer.Argument(help="A version and its percentage: 3=90 4=10.", metavar="VERSION=PERCENT...")
    ],
    *,
    sticky: Annotated[
        str | None,
        typer.Option("--sticky", help="Who stays with its version: client, header:NAME or cookie:NAME.", metavar="KEY"),
    ] = None,
    shadow: Annotated[
        str | None, typer.Option("--shadow", help="A version that gets copies: 5=20.", metavar="VERSION=PERCENT")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            help="Numbers of the shadow's answers that differ by less, relative to the larger one, are equal.",
            metavar="SHARE",
        ),
    ] = 1e-3,
    compares: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Compare the shadow's answers with those that callers get.")
    ] = True,
    reason: Annotated[str, typer.Option("--reason", help="Why.", metavar="TEXT")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Divide the requests of a model between versions. Callers of the last one stay there when it grows.

    \b
    Examples:
      modelyard traffic set churn 3=90 4=10 --sticky header:x-user
      modelyard traffic set churn 3=100 --shadow 4=20
    """
    parsed = dict(_share(text, "VERSION=PERCENT") for text in shares)
    if len(parsed) != len(shares):
        raise typer.BadParameter("VERSION=PERCENT: expected each version once")
    if not math.isfinite(tolerance):
        raise typer.BadParameter(f"--tolerance: expected a number, got {tolerance}")
    by, _, name = (sticky or "").partition(":")
    keyed = None if sticky is None else {"by": by, **({"name": name} if name else {})}
    with connect(url, home) as client:
        made = client.traffic.set(
            model,
            parsed,
            sticky=keyed,
            shadow=None if shadow is None else _share(shadow, "--shadow"),
            tolerance=tolerance if compares else None,
            reason=reason,
        )
    _print(made, output)


@app.command()
def comparison(
    model: ModelArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show how the answers of a model's shadow compare with those that callers get.

    \b
    Examples:
      modelyard traffic comparison churn
    """
    with connect(url, home) as client:
        print_comparison(client.traffic.comparison(model), output)


@app.command()
def remove(model: ModelArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Send all requests of a model to its version in production again.

    \b
    Examples:
      modelyard traffic remove churn
    """
    with connect(url, home) as client:
        client.traffic.remove(model)
    say(f"all requests of {model} go to its version in production")


def _share(text: str, field: str) -> tuple[int, float]:
    version, _, percent = text.partition("=")
    try:
        return int(version), _finite(percent)
    except ValueError as error:
        raise typer.BadParameter(f"{field}: expected a version and its percentage like 3=90, got {text!r}") from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _print(traffic: "Traffic", output: Output) -> None:
    if output is Output.JSON:
        print_json(traffic)
        return
    print_facts(
        {
            "model": traffic.name,
            "shares": _shares(traffic),
            "sticky": _sticky(traffic),
            "shadow": _shadow(traffic),
            "roll-out": traffic.rollout_id,
        }
    )


def _shares(traffic: "Traffic") -> str:
    return ", ".join(f"{version}={percent:g}" for version, percent in traffic.shares.items())


def _sticky(traffic: "Traffic") -> str | None:
    if traffic.sticky is None:
        return None
    name = traffic.sticky.get("name")
    return str(traffic.sticky["by"]) + (f":{name}" if name else "")


def _shadow(traffic: "Traffic") -> str | None:
    return None if traffic.shadow is None else f"{traffic.shadow[0]}={traffic.shadow[1]:g}"
