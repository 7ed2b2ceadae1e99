"""Which port of this machine belongs to which deployment, for the deployment's whole life.

A claim is a file that is named by the port and appears whole or not at all, so of two that want one port one gets it.
The control plane chooses the port, and remembers who had which; the claims are what is here now.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from modelyard.errors import Unavailable


class ServerPorts:
    """The claims in one folder, on ports of `host`."""

    def __init__(self, folder: Path, *, host: str) -> None:
        self._folder = folder
        self._host = host
        self._seen: dict[str, int] = {}

    def port_of(self, deployment_id: str) -> int | None:
        """The port of one deployment; None when it has none. Reads one file when it was seen before."""
        seen = self._seen.get(deployment_id)
        if seen is None or self._holder(seen) != deployment_id:
            self._seen = dict(self.claims())
        return self._seen.get(deployment_id)

    def claims(self) -> Mapping[str, int]:
        """The port of every deployment that has one."""
        claims = {}
        for path in self._folder.glob("[0-9]*"):
            holder = self._holder(int(path.name))
            if holder is not None:
                claims[holder] = int(path.name)
        return claims

    def claim(self, deployment_id: str, port: int) -> int:
        """The deployment's port: the one that it has, else this one.

        Not for one deployment at the same time from two places.

        Raises:
            Unavailable: code `port_taken`, when somebody else has it or listens there.
        """
        has = self.port_of(deployment_id)
        if has is not None:
            return has
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = self._folder / f".{deployment_id}"
        written.write_text(deployment_id, encoding="utf-8")
        try:
            if is_free(self._host, port):
                os.link(written, self._folder / str(port))
                return port
        except FileExistsError:  # Somebody was faster.
            pass
        finally:
            written.unlink(missing_ok=True)
        raise Unavailable(
            f"Port {port}, which is the address of '{deployment_id}', is in use by another program.", code="port_taken"
        )

    def release(self, deployment_id: str) -> None:
        """Give its port back; one that has none: nothing to do."""
        port = self.port_of(deployment_id)
        if port is not None:
            (self._folder / str(port)).unlink(missing_ok=True)

    def _holder(self, port: int) -> str | None:
        with suppress(FileNotFoundError):
            return (self._folder / str(port)).read_text(encoding="utf-8")
        return None


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
