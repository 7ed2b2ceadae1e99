"""`modelyard webhooks`: list, create, show, test, deliveries, replay, dead-letters, rotate, pause, resume, delete."""

from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import CommandError, ExitCode
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption, finite
from modelyard_client.cli.terminal import age, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelyard_client.webhooks import Delivery, NewSecret, Webhook

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="Webhooks: list (the default), create, show, test, deliveries, replay, dead-letters, rotate, pause, resume, "
    "delete.",
)
HookArgument = Annotated[str, typer.Argument(help="The webhook's id.", metavar="WEBHOOK")]
_TEST_SECONDS = 15


@app.command("list")
def list_webhooks(
    *, limit: LimitOption = 50, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """List webhooks.

    \b
    Examples:
      modelyard webhooks
      modelyard webhooks list --output json
    """
    with connect(url, home) as client:
        found = list(client.webhooks.list(limit=limit))
    if output is Output.JSON:
        print_json({"webhooks": found})
        return
    print_table(
        ("webhook", "status", "url", "events", "age"),
        ((hook.webhook_id, hook.status, hook.url, ", ".join(hook.event_types), age(hook.created_at)) for hook in found),
    )


@app.command()
def create(
    receiver: Annotated[str, typer.Argument(help="Where events are posted to.", metavar="URL")],
    *,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", help="A type, or all of a noun: version.*; may be repeated; else all.", metavar="TYPE"),
    ] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.", metavar="TEXT")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Let a receiver hear of events. Its secret is shown once.

    \b
    Examples:
      modelyard webhooks create https://hooks.example.com/modelyard
      modelyard webhooks create https://hooks.example.com/ --event version.production --event 'request.*'
    """
    with connect(url, home) as client:
        made = client.webhooks.create(receiver, event_types=event or ("*",), description=description)
    _tell_secret(made, output)


@app.command()
def show(
    webhook: HookArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show a webhook.

    \b
    Examples:
      modelyard webhooks show hook-0123456789abcdef
    """
    with connect(url, home) as client:
        _print(client.webhooks.get(webhook), output)


@app.command("test")
def ping(
    webhook: HookArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Send a test event, and wait for the receiver's response; exit code 1 when it is not accepted.

    \b
    Examples:
      modelyard webhooks test hook-0123456789abcdef
    """
    import time

    with connect(url, home) as client:
        sent = client.webhooks.test(webhook)
        deadline = time.monotonic() + _TEST_SECONDS
        while sent.attempts == 0 or (sent.status == "pending" and sent.error is None):
            if time.monotonic() > deadline:
                raise CommandError("nothing was sent yet: the control plane is busy", exit_code=ExitCode.TIMED_OUT)
            time.sleep(0.2)
            sent = client.webhooks.delivery(webhook, sent.delivery_id)
    _tell_deliveries([sent], output)
    if sent.status != "delivered":
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def deliveries(
    webhook: HookArgument,
    *,
    status: Annotated[
        str | None, typer.Option("--status", help="pending, delivered or dead.", metavar="STATUS")
    ] = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List deliveries, newest first.

    \b
    Examples:
      modelyard webhooks deliveries hook-0123456789abcdef --status pending
    """
    with connect(url, home) as client:
        _tell_deliveries(client.webhooks.deliveries(webhook, status=status, limit=limit), output)


@app.command()
def replay(
    webhook: HookArgument,
    *,
    delivery: Annotated[str | None, typer.Option("--delivery", help="One delivery.", metavar="ID")] = None,
    since: Annotated[str | None, typer.Option("--from", help="From this moment on, ISO 8601 with a zone.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this moment.")] = None,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Send events again: of one delivery, or of a range of time.

    \b
    Examples:
      modelyard webhooks replay hook-0123456789abcdef --delivery dlv-0123456789abcdef
      modelyard webhooks replay hook-0123456789abcdef --from 2026-05-01T00:00:00Z --to 2026-05-02T00:00:00Z
    """
    with connect(url, home) as client:
        if delivery is not None and since is None and until is None:
            client.webhooks.replay_delivery(webhook, delivery)
            count = 1
        elif delivery is None and since is not None and until is not None:
            count = client.webhooks.replay(webhook, since=since, until=until)
        else:
            raise typer.BadParameter("expected --delivery, or --from with --to")
    say(f"{count} go out again.")


@app.command("dead-letters")
def dead_letters(
    webhook: HookArgument,
    *,
    redrive: Annotated[bool, typer.Option("--redrive", help="Send all of them again.")] = False,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List deliveries that were given up, or send them all again.

    \b
    Examples:
      modelyard webhooks dead-letters hook-0123456789abcdef
      modelyard webhooks dead-letters hook-0123456789abcdef --redrive
    """
    with connect(url, home) as client:
        if redrive:
            say(f"{client.webhooks.redrive(webhook)} go out again.")
        else:
            _tell_deliveries(client.webhooks.deliveries(webhook, status="dead", limit=limit), output)


@app.command()
def rotate(
    webhook: HookArgument,
    *,
    overlap_hours: Annotated[
        float,
        typer.Option(
            "--overlap-hours", min=0, callback=finite, help="How long the secret before signs as well.", metavar="N"
        ),
    ] = 24,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Give a webhook another secret, which is shown once.

    \b
    Examples:
      modelyard webhooks rotate hook-0123456789abcdef --overlap-hours 1
    """
    with connect(url, home) as client:
        made = client.webhooks.rotate(webhook, overlap_seconds=round(overlap_hours * 3600))
    _tell_secret(made, output)


@app.command()
def pause(webhook: HookArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Keep events back until the webhook is resumed.

    \b
    Examples:
      modelyard webhooks pause hook-0123456789abcdef
    """
    with connect(url, home) as client:
        _print(client.webhooks.activate(webhook, is_active=False), Output.TABLE)


@app.command()
def resume(webhook: HookArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Let a paused or disabled webhook go on.

    \b
    Examples:
      modelyard webhooks resume hook-0123456789abcdef
    """
    with connect(url, home) as client:
        _print(client.webhooks.activate(webhook, is_active=True), Output.TABLE)


@app.command()
def delete(webhook: HookArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Delete a webhook with its log.

    \b
    Examples:
      modelyard webhooks delete hook-0123456789abcdef
    """
    with connect(url, home) as client:
        client.webhooks.delete(webhook)
    say(f"{webhook} is deleted.")


def _tell_secret(made: "NewSecret", output: Output) -> None:
    if output is Output.JSON:
        print_json(made)
        return
    print_facts({"webhook": made.webhook.webhook_id, "url": made.webhook.url, "secret": made.secret})
    say("The secret is shown only now.")


def _print(hook: "Webhook", output: Output) -> None:
    if output is Output.JSON:
        print_json(hook)
        return
    print_facts(
        {
            "webhook": hook.webhook_id,
            "status": hook.status,
            "reason": hook.reason,
            "url": hook.url,
            "events": ", ".join(hook.event_types),
            "description": hook.description,
            "both secrets until": hook.previous_secret_until,
            "created": hook.created_at,
        }
    )


def _tell_deliveries(found: "Iterable[Delivery]", output: Output) -> None:
    listed = list(found)
    if output is Output.JSON:
        print_json({"deliveries": listed})
        return
    print_table(
        ("delivery", "event", "entry", "status", "attempts", "code", "ms", "error", "age"),
        (
            (
                each.delivery_id,
                each.event_type,
                each.sequence,
                each.status,
                each.attempts,
                each.response_code,
                each.latency_ms,
                each.error,
                age(each.created_at),
            )
            for each in listed
        ),
    )
