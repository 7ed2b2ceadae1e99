"""Free ports for the servers under test. Never those that the system gives to sockets of its own choice: between our
asking and the server's binding, a second later, anybody's socket could have taken one of them."""

import contextlib
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving.errors import BenchmarkError

_SYSTEMS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 12_000
_SYSTEMS_LOWEST = 32_768
"""Linux's default, for other systems."""


class Ports:
    """Hands out each port once."""

    def __init__(self, candidates: Sequence[int] | None = None) -> None:
        tried = range(_LOWEST, _lowest_of_the_system()) if candidates is None else candidates
        self._untried = iter(random.sample(tried, len(tried)))

    def free(self) -> int:
        """A port on which nobody listens.

        Raises:
            BenchmarkError: there is none left.
        """
        for port in self._untried:
            with socket.socket() as one, contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                return port
        raise BenchmarkError("no port below those that the system takes for itself is free")


def _lowest_of_the_system() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        lowest = int(_SYSTEMS.read_text().split()[0])
        if lowest > _LOWEST:
            return lowest
    return _SYSTEMS_LOWEST
