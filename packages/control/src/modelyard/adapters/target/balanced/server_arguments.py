"""The arguments of `modelyard-serve` in a replica. Pure."""

from collections.abc import Mapping, Sequence

_START_ATTEMPTS = 3
"""After so many a server ends, so that its platform sees that it does not start, and why."""


def server_arguments(settings: Mapping[str, str | None], *, url_host: str) -> Sequence[str]:
    """Args:
    settings: those that all servers have in common.
    url_host: how callers call the server, besides by an IP address.
    """
    allowed = [*(settings.get("allowed_hosts") or "").split(","), url_host]
    given = {
        **settings,
        "allowed_hosts": ",".join(dict.fromkeys(name for name in allowed if name)),
        "start_attempts": str(_START_ATTEMPTS),
    }
    return [
        part
        for name, value in sorted(given.items())
        if value is not None
        for part in (f"--{name.replace('_', '-')}", value)
    ]
