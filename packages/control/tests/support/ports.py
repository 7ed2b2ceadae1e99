"""Ports for the servers of tests.

They lie below those that the kernel gives to outgoing connections (from 32,768 on Linux) and those of deployments (from
20,000), so nothing takes one between its choice and the moment at which the server listens. None is given twice.
"""

import random
import socket

_PORTS = range(10_000, 20_000)
_candidates = iter(random.SystemRandom().sample(_PORTS, len(_PORTS)))


def find_free_port() -> int:
    """A port of this machine where nobody listens."""
    return next(port for port in _candidates if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
