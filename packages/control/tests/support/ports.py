"""Ports for the servers of tests.

They lie below those that the kernel gives to outgoing connections (from 32,768 on Linux) and those of deployments (from
20,000), so nothing takes one between its choice and the moment at which the server listens. None is given twice: of the
processes that share the tests each has its own.
"""

import os
import random
import socket

_PORTS = range(10_000, 20_000)
_SHARE = 2_500
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_own = _PORTS[_worker * _SHARE % len(_PORTS) :][:_SHARE]
_candidates = iter(random.SystemRandom().sample(_own, len(_own)))


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
