"""Unix sockets of programs of the stack: where they may be bound, as the kernel limits their path to 107 characters,
and HTTP over them."""

import hashlib
import http.client
import os
import socket
from pathlib import Path

from modelyard.errors import Unavailable

_PATH_LIMIT = 90  # supervisord adds a dot and its pid.


def bindable(path: Path, *, key: Path) -> Path:
    """The path itself, or, when it is too long, one in a private folder that is derived from `key`.

    Raises:
        Unavailable: code `supervisor_unavailable`: the private folder is somebody else's.
    """
    if len(os.fsencode(path)) <= _PATH_LIMIT:
        return path
    private = Path(f"/tmp/modelyard-{os.getuid()}")  # noqa: S108  # Checked below: ours, and closed to all others.
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Unavailable(
            f"The process supervisor needs {private} as a folder that only you can use; it is somebody else's or open "
            "to others.",
            code="supervisor_unavailable",
        )
    return private / f"{hashlib.sha256(os.fsencode(key)).hexdigest()[:24]}.sock"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the socket at a path."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect; nothing stays open when nobody listens."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(self._path))
        except OSError:
            self.close()
            raise
