"""Options of rates and quotas: `--rate 100/60`, `--quota 10000/day`, `--dry-run`."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelyard_client.subscriptions import Limits

_RATE = re.compile(r"(\d{1,10})/(\d{1,4})")
_QUOTA = re.compile(r"(\d{1,10})/(hour|day|week|month)")

RateOption = Annotated[str | None, typer.Option("--rate", help="Requests in seconds: 100/60.", metavar="CALLS/SECONDS")]
QuotaOption = Annotated[
    str | None,
    typer.Option("--quota", help="Requests each hour, day, week or month (UTC): 10000/day.", metavar="CALLS/SPAN"),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Count what is over the limits, and refuse nothing.")]


def limits_of(rate: str | None, quota: str | None, *, is_dry_run: bool) -> "Limits":
    """What the options say.

    Raises:
        typer.BadParameter: one cannot be read.
    """
    from modelyard_client.subscriptions import Limits

    read_rate = None if rate is None else _RATE.fullmatch(rate)
    read_quota = None if quota is None else _QUOTA.fullmatch(quota)
    if rate is not None and read_rate is None:
        raise typer.BadParameter(f"--rate: expected CALLS/SECONDS like 100/60, got {rate!r}")
    if quota is not None and read_quota is None:
        raise typer.BadParameter(f"--quota: expected CALLS/SPAN like 10000/day, got {quota!r}")
    return Limits(
        rate=None if read_rate is None else (int(read_rate[1]), int(read_rate[2])),
        quota=None if read_quota is None else (int(read_quota[1]), read_quota[2]),
        is_enforced=not is_dry_run,
    )


def written(limits: "Limits") -> str:
    """Limits for a table: `100/60 10000/day (dry run)`."""
    pairs = [f"{each[0]}/{each[1]}" for each in (limits.rate, limits.quota) if each is not None]
    return " ".join([*pairs, *(["(dry run)"] if pairs and not limits.is_enforced else [])]) or "-"
