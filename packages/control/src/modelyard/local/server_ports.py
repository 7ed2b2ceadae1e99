"""Which port of this machine belongs to which deployment, for the deployment's whole life.

A claim is a file that is named by the port and appears whole or not at all, so of two that want one port one gets it.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from modelyard.errors import Unavailable


class ServerPorts:
    """The claims in one folder, on ports `first` to `last` of `host`."""

    def __init__(self, folder: Path, *, host: str, first: int, last: int) -> None:
        self._folder = folder
        self._host = host
        self._range = range(first, last + 1)
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

    def claim(self, deployment_id: str) -> int:
        """The deployment's port: the one that it has, or the first that nobody has and nobody listens on.

        Not for one deployment at the same time from two places.
        """
        claims = self.claims()
        if deployment_id in claims:
            return claims[deployment_id]
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = self._folder / f".{deployment_id}"
        written.write_text(deployment_id, encoding="utf-8")
        try:
            return self._first_that_takes(written, taken=set(claims.values()))
        finally:
            written.unlink(missing_ok=True)

    def release(self, deployment_id: str) -> None:
        """Give its port back; one that has none: nothing to do."""
        port = self.port_of(deployment_id)
        if port is not None:
            (self._folder / str(port)).unlink(missing_ok=True)

    def _holder(self, port: int) -> str | None:
        with suppress(FileNotFoundError):
            return (self._folder / str(port)).read_text(encoding="utf-8")
        return None

    def _first_that_takes(self, written: Path, *, taken: set[int]) -> int:
        for port in self._range:
            if port in taken or not is_free(self._host, port):
                continue
            try:
                os.link(written, self._folder / str(port))
            except FileExistsError:
                continue
            return port
        first, last = self._range[0], self._range[-1]
        raise Unavailable(f"All ports for model servers ({first} to {last}) are taken.", code="no_free_port")


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
