"""XML-RPC over a unix socket, as supervisord speaks it, with an end to all waiting."""

import base64
import http.client
import xmlrpc.client
from pathlib import Path
from typing import Any

from modelyard.supervision.unix_sockets import UnixConnection

USER = "modelyard"
"""Whom supervisord knows."""


class SupervisorGone(Exception):
    """Nobody listens at the socket, or there is none."""


class SupervisorSilent(Exception):
    """Somebody listens, and no answer came in time or a broken one."""


class SupervisorFault(Exception):
    """supervisord refused; `code` is one of its `xmlrpc.Faults`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def call(socket_path: Path, method: str, *arguments: Any, timeout: float, password: str | None = None) -> Any:
    """The result of `supervisor.<method>`.

    Raises:
        SupervisorGone: there is no socket, or nobody listens.
        SupervisorSilent: no answer came within `timeout` seconds, or it broke off.
        SupervisorFault: it answered with a fault.
    """
    transport = _UnixTransport(socket_path, timeout, password)
    try:
        with xmlrpc.client.ServerProxy("http://supervisor", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except xmlrpc.client.Fault as exc:
        raise SupervisorFault(exc.faultCode, exc.faultString) from exc
    except (FileNotFoundError, ConnectionRefusedError) as exc:
        raise SupervisorGone(str(exc)) from exc
    except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as exc:
        raise SupervisorSilent(str(exc)) from exc


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path, timeout: float, password: str | None) -> None:
        credential = base64.b64encode(f"{USER}:{password}".encode()).decode()
        super().__init__(headers=[] if password is None else [("Authorization", f"Basic {credential}")])
        self._path = path
        self._timeout = timeout

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = UnixConnection(self._path, timeout=self._timeout)
        self._connection = host, connection  # What `close` closes.
        return connection
