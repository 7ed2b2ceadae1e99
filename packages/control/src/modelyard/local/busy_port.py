"""Ports that others listen on: who they are, and which one is free instead."""

from contextlib import suppress

import psutil

from modelyard.errors import Conflict
from modelyard.supervision.server_ports import is_free


def refuse_busy_port(host: str, port: int, *, flag: str) -> None:
    """Raise Conflict (code `port_in_use`) when somebody listens there; the message names who, and what to do."""
    if is_free(host, port):
        return
    free = next((other for other in range(port + 1, 65536) if is_free(host, other)), port)
    raise Conflict(
        f"Port {port} is in use by {_owner(port)}; choose another one with {flag} {free}.", code="port_in_use"
    )


def _owner(port: int) -> str:
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
            if listens and connection.pid is not None:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return "another program"
