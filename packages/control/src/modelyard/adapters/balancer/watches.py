"""How many addresses a balancer can have: Envoy watches the endpoints of each with instances of inotify, of which this
system gives a user only so many, and aborts when it gets none."""

from pathlib import Path

from modelyard.errors import Unavailable

LIMIT_FILE = Path("/proc/sys/fs/inotify/max_user_instances")
_OF_AN_ADDRESS = 2
"""One for its cluster of HTTP/1.1, one for that of gRPC."""
_OF_OTHERS = 32
"""For this Envoy's own files, the gateway's Envoy, and the user's other programs."""


def check_room(addresses: int, limit_file: Path = LIMIT_FILE) -> None:
    """Refuse another address where there are so many already that Envoy might not survive it.

    Raises:
        Unavailable: code `balancer_full`.
    """
    try:
        limit = int(limit_file.read_text(encoding="ascii"))
    except FileNotFoundError:  # No Linux: nothing is known of a limit.
        return
    most = max((limit - _OF_OTHERS) // _OF_AN_ADDRESS, 0)
    if addresses >= most:
        raise Unavailable(
            f"the balancer has room for {most} addresses, as this system gives a user {limit} instances of inotify: "
            "an administrator can raise fs.inotify.max_user_instances",
            code="balancer_full",
        )
