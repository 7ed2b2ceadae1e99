"""`modelyard subscriptions`: list, create, show, change, and who called what."""

import json
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.limit_options import DryRunOption, QuotaOption, RateOption, limits_of, written
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import age, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.subscriptions import Subscription

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="Subscriptions, with which callers reach the gateway: list (the default), create, show, regenerate, limit, "
    "limit-api, usage, suspend, activate, cancel, trust.",
)
SubscriptionArgument = Annotated[str, typer.Argument(help="The subscription's id.", metavar="SUBSCRIPTION")]


class Key(StrEnum):
    """One of the two keys of a subscription."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@app.command("list")
def list_subscriptions(
    *, limit: LimitOption = 50, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """List subscriptions, newest first.

    \b
    Examples:
      modelyard subscriptions
      modelyard subscriptions list --output json
    """
    with connect(url, home) as client:
        found = list(client.subscriptions.list(limit=limit))
    if output is Output.JSON:
        print_json({"subscriptions": found})
        return
    print_table(
        ("subscription", "for", "scope", "status", "limits", "last used", "age"),
        (
            (
                each.subscription_id,
                each.display_name,
                each.scope,
                each.status,
                written(each.limits),
                age(each.last_used_at),
                age(each.created_at),
            )
            for each in found
        ),
    )


@app.command()
def create(
    title: Annotated[str, typer.Argument(help="Who it is for.", metavar="NAME")],
    *,
    product: Annotated[str | None, typer.Option("--product", help="Open this product.", metavar="PRODUCT")] = None,
    api: Annotated[str | None, typer.Option("--api", help="Open this API.", metavar="API")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Open this model's address.", metavar="MODEL")] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="Until when, ISO 8601 with a zone.", metavar="TIME")
    ] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", help="Tokens of this issuer …", metavar="ISSUER")] = None,
    client_name: Annotated[
        str | None, typer.Option("--client", help="… that name this client need no key.", metavar="NAME")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="By which files of apply declare it.", metavar="NAME")
    ] = None,
    rate: RateOption = None,
    quota: QuotaOption = None,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Let somebody call the gateway: a product, an API, a model, or everything. The two keys are shown once.

    \b
    Examples:
      modelyard subscriptions create "Web shop" --product gold
      modelyard subscriptions create "Night run" --model churn --expires 2027-01-01T00:00:00Z --rate 10/1
    """
    if (issuer is None) != (client_name is None):
        raise typer.BadParameter("expected --issuer and --client together")
    if sum(each is not None for each in (product, api, model)) > 1:
        raise typer.BadParameter("expected one of --product, --api and --model")
    limits = limits_of(rate, quota, is_dry_run=dry_run)
    client = None if issuer is None or client_name is None else (issuer, client_name)
    expires_at = None if expires is None else _moment(expires)
    with connect(url, home) as yard:
        made = yard.subscriptions.create(
            title,
            product=product,
            api=api,
            model=model,
            expires_at=expires_at,
            client=client,
            limits=limits,
            name=name,
        )
    if output is Output.JSON:
        print_json(made)
        return
    print_facts(
        {
            "subscription": made.subscription.subscription_id,
            "scope": made.subscription.scope,
            "primary key": made.primary_key,
            "secondary key": made.secondary_key,
        }
    )
    say("The keys are shown only now.")


@app.command()
def show(
    subscription: SubscriptionArgument,
    *,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show a subscription.

    \b
    Examples:
      modelyard subscriptions show sub-0123456789abcdef
    """
    with connect(url, home) as client:
        _print(client.subscriptions.get(subscription), output)


@app.command()
def regenerate(
    subscription: SubscriptionArgument,
    key: Annotated[Key, typer.Argument(help="primary or secondary.", metavar="KEY")],
    *,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Put a new key in place of one of the two, which is shown once. The other key goes on.

    \b
    Examples:
      modelyard subscriptions regenerate sub-0123456789abcdef primary
    """
    with connect(url, home) as client:
        made = client.subscriptions.regenerate(subscription, key)
    if output is Output.JSON:
        print_json({"subscription_id": subscription, "name": key, "key": made})
        return
    print_facts({f"{key} key": made})
    say("The key is shown only now.")


@app.command()
def limit(
    subscription: SubscriptionArgument,
    *,
    rate: RateOption = None,
    quota: QuotaOption = None,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Limit all requests of a subscription; without options, not any more.

    \b
    Examples:
      modelyard subscriptions limit sub-0123456789abcdef --rate 100/60 --dry-run
    """
    with connect(url, home) as client:
        _print(client.subscriptions.limit(subscription, limits_of(rate, quota, is_dry_run=dry_run)), output)


@app.command("limit-api")
def limit_api(
    api: Annotated[str, typer.Argument(help="The API's id.", metavar="API")],
    *,
    rate: RateOption = None,
    quota: QuotaOption = None,
    dry_run: DryRunOption = False,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Limit each subscription that calls an API; without options, not any more.

    \b
    Examples:
      modelyard subscriptions limit-api churn-v1 --quota 100000/month
    """
    limits = None if rate is None and quota is None else limits_of(rate, quota, is_dry_run=dry_run)
    with connect(url, home) as client:
        client.subscriptions.limit_api(api, limits)
    say(f"{api} is {'not limited any more' if limits is None else f'limited to {written(limits)}'}.")


@app.command()
def usage(
    *,
    api: Annotated[str | None, typer.Option("--api", help="Of this API.", metavar="API")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Of this model.", metavar="MODEL")] = None,
    subscription: Annotated[
        str | None, typer.Option("--subscription", help="Of this subscription.", metavar="ID")
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show who called what in the last 30 days: who still calls v1.

    \b
    Examples:
      modelyard subscriptions usage --api churn-v1
    """
    with connect(url, home) as client:
        found = client.subscriptions.usage(api=api, model=model, subscription=subscription)
    if output is Output.JSON:
        print_json({"usage": found})
        return
    print_table(
        ("subscription", "api", "model", "calls", "refused", "over limit", "failed", "last"),
        (
            (
                each.subscription_id,
                each.api_id,
                each.model_name,
                each.calls,
                each.refused,
                each.over_limit,
                each.failed,
                age(each.last_at),
            )
            for each in found
        ),
    )


@app.command()
def suspend(subscription: SubscriptionArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Close a subscription until it is activated again.

    \b
    Examples:
      modelyard subscriptions suspend sub-0123456789abcdef
    """
    with connect(url, home) as client:
        _print(client.subscriptions.suspend(subscription), Output.TABLE)


@app.command()
def activate(subscription: SubscriptionArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Open a subscription that was suspended.

    \b
    Examples:
      modelyard subscriptions activate sub-0123456789abcdef
    """
    with connect(url, home) as client:
        _print(client.subscriptions.activate(subscription), Output.TABLE)


@app.command()
def cancel(subscription: SubscriptionArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Close a subscription for good.

    \b
    Examples:
      modelyard subscriptions cancel sub-0123456789abcdef
    """
    with connect(url, home) as client:
        _print(client.subscriptions.cancel(subscription), Output.TABLE)


@app.command()
def trust(
    issuer_id: Annotated[str, typer.Argument(help="What the issuer is called here.", metavar="ISSUER")],
    *,
    issuer: Annotated[str, typer.Option("--iss", help="The claim iss of its tokens.", metavar="URL")],
    audience: Annotated[list[str], typer.Option("--audience", help="The claim aud; may be repeated.", metavar="AUD")],
    jwks: Annotated[
        Path | None, typer.Option("--jwks", help="Its public keys (JWKS).", metavar="FILE", exists=True, dir_okay=False)
    ] = None,
    jwks_url: Annotated[
        str | None, typer.Option("--jwks-url", help="Where it publishes them, in place of --jwks.", metavar="URL")
    ] = None,
    client_claim: Annotated[str, typer.Option("--client-claim", help="Says whom a token names.", metavar="CLAIM")] = (
        "sub"
    ),
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Take tokens (JWT) of an issuer in place of keys, or give its new public keys.

    \b
    Examples:
      modelyard subscriptions trust entra --iss https://login.example.com/ --audience modelyard --jwks keys.json
      modelyard subscriptions trust okta --iss https://id.example.com --audience modelyard \\
        --jwks-url https://id.example.com/keys
    """
    if (jwks is None) == (jwks_url is None):
        raise typer.BadParameter("expected one of --jwks and --jwks-url")
    try:
        keys = None if jwks is None else json.loads(jwks.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise typer.BadParameter(f"--jwks: expected JSON in {jwks}: {exc}") from exc
    with connect(url, home) as client:
        client.subscriptions.trust_issuer(
            issuer_id, issuer=issuer, audiences=audience, jwks=keys, jwks_url=jwks_url, client_claim=client_claim
        )
    say(f"Tokens of {issuer} are taken.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(f"--expires: expected a time with a zone like 2027-01-01T00:00:00Z, got {text!r}")
    return moment


def _print(subscription: "Subscription", output: Output) -> None:
    if output is Output.JSON:
        print_json(subscription)
        return
    print_facts(
        {
            "subscription": subscription.subscription_id,
            "name": subscription.name,
            "for": subscription.display_name,
            "scope": subscription.scope,
            "status": subscription.status,
            "expires": subscription.expires_at,
            "issuer": subscription.issuer_id,
            "client": subscription.client,
            "limits": written(subscription.limits),
            "last used": subscription.last_used_at,
            "created": subscription.created_at,
        }
    )
