"""`modelyard products`: list, create, change, delete."""

from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.limit_options import DryRunOption, QuotaOption, RateOption, limits_of, written
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.subscriptions import Product

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="Products, which are APIs that are subscribed to together: list (the default), create, change, delete.",
)
ProductArgument = Annotated[str, typer.Argument(help="The product's id.", metavar="PRODUCT")]
ApiOption = Annotated[list[str] | None, typer.Option("--api", help="An API's id; may be repeated.", metavar="API")]
TitleOption = Annotated[str | None, typer.Option("--title", help="Its name for people.", metavar="TEXT")]


@app.command("list")
def list_products(
    *, limit: LimitOption = 50, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """List products.

    \b
    Examples:
      modelyard products
      modelyard products list --output json
    """
    with connect(url, home) as client:
        found = list(client.products.list(limit=limit))
    if output is Output.JSON:
        print_json({"products": found})
        return
    print_table(
        ("product", "title", "apis", "open", "limits"),
        (
            (each.product_id, each.display_name, ", ".join(each.api_ids), each.is_open, written(each.limits))
            for each in found
        ),
    )


@app.command()
def create(
    product: ProductArgument,
    *,
    title: TitleOption = None,
    api: ApiOption = None,
    is_open: Annotated[bool, typer.Option("--open", help="Its APIs are called without a subscription.")] = False,
    rate: RateOption = None,
    quota: QuotaOption = None,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Group APIs. Limits are those of each subscription.

    \b
    Examples:
      modelyard products create gold --api churn-v1 --api churn-v2 --rate 100/60 --quota 10000/day
    """
    limits = limits_of(rate, quota, is_dry_run=dry_run)
    with connect(url, home) as client:
        made = client.products.create(product, display_name=title, api_ids=api or (), is_open=is_open, limits=limits)
    _print(made, output)


@app.command()
def change(
    product: ProductArgument,
    *,
    title: TitleOption = None,
    api: ApiOption = None,
    is_open: Annotated[bool | None, typer.Option("--open/--closed", help="Whether no subscription is needed.")] = None,
    rate: RateOption = None,
    quota: QuotaOption = None,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Change what is given: all APIs, both limits.

    \b
    Examples:
      modelyard products change gold --api churn-v2 --rate 200/60
    """
    limits = None if rate is None and quota is None else limits_of(rate, quota, is_dry_run=dry_run)
    with connect(url, home) as client:
        changed = client.products.change(product, display_name=title, api_ids=api, is_open=is_open, limits=limits)
    _print(changed, output)


@app.command()
def delete(product: ProductArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Delete a product that nobody is subscribed to.

    \b
    Examples:
      modelyard products delete gold
    """
    with connect(url, home) as client:
        client.products.delete(product)
    say(f"{product} is deleted.")


def _print(product: "Product", output: Output) -> None:
    if output is Output.JSON:
        print_json(product)
        return
    print_facts(
        {
            "product": product.product_id,
            "title": product.display_name,
            "apis": ", ".join(product.api_ids),
            "open": product.is_open,
            "limits": written(product.limits),
        }
    )
