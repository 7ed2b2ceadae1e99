"""`modelyard status`: the control plane's own word, and the processes of the local stack."""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard_client.cli.deployments import COLUMNS, deployment_row
from modelyard_client.cli.errors import CommandError, command_error
from modelyard_client.cli.options import HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import print_facts, print_json, print_line, print_table, span
from modelyard_client.errors import Unavailable, UnexpectedAnswer

if TYPE_CHECKING:
    from modelyard_client.deployment import Deployment
    from modelyard_client.settings import Settings
    from modelyard_client.status import PlatformStatus

PROCESSES = "modelyard.status"
"""The entry point group of local processes: functions from the home folder to a list of JSON objects, each with `name`
and `state`, and, as far as they are known, `pid`, `url` and `detail`; no objects when there is no local stack."""


def status(*, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None) -> None:
    """Show how the platform is, with all addresses.

    Its parts, its deployments, and the processes of the local stack.

    Exit code 0 when all is well, 1 when a part does not work, 5 when the control plane does not answer.

    \b
    Examples:
      modelyard status
      modelyard status --output json
    """
    from modelyard_client.settings import Settings

    settings = Settings.discover(url=url, home=home)
    processes = _processes(settings.home)
    try:
        platform, deployments = _ask(settings)
    except (Unavailable, UnexpectedAnswer) as error:
        _print(settings, None, (), processes, output)
        raise command_error(error) from error
    _print(settings, platform, deployments, processes, output)
    if not platform.is_ok:
        broken = [name for name, component in platform.components.items() if component.get("status") != "ok"]
        raise CommandError(f"the platform is {platform.status}: {', '.join(broken) or 'see its parts'}")


def _ask(settings: "Settings") -> "tuple[PlatformStatus, list[Deployment]]":
    from modelyard_client.client import Client

    with Client(settings.url, settings.token) as client:
        return client.status.get(), list(client.deployments.list())


def _processes(home: Path) -> list[dict[str, Any]]:
    return [dict(process) for entry in entry_points(group=PROCESSES) for process in entry.load()(home)]


def _print(
    settings: "Settings",
    platform: "PlatformStatus | None",
    deployments: "Sequence[Deployment]",
    processes: list[dict[str, Any]],
    output: Output,
) -> None:
    if output is Output.JSON:
        answer_text = {
            "status": platform.status if platform else "unavailable",
            "url": settings.url,
            "home": str(settings.home),
            "platform": platform,
            "deployments": deployments,
            "processes": processes,
        }
        print_json(answer_text)
        return
    _tell_platform(settings, platform)
    if deployments:
        print_line("")
        print_table(COLUMNS, map(deployment_row, deployments))
    if processes:
        print_line("")
        facts = ("name", "state", "pid", "url", "detail")
        print_table(("process", *facts[1:]), ([process.get(fact) for fact in facts] for process in processes))


def _tell_platform(settings: "Settings", platform: "PlatformStatus | None") -> None:
    if platform is None:
        print_facts({"status": "unavailable", "url": settings.url, "home": settings.home})
        return
    print_facts(
        {
            "status": platform.status,
            "url": settings.url,
            "home": settings.home,
            "version": platform.version,
            "up for": span(platform.uptime_seconds),
            "models": platform.models,
            "jobs": _counts(platform.jobs),
            "deployments": _counts(platform.deployments),
        }
    )
    print_line("")
    rows = (
        (name, part.get("status"), part.get("url"), part.get("detail")) for name, part in platform.components.items()
    )
    print_table(("part", "status", "url", "detail"), rows)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
