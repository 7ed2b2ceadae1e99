"""Where a program of the stack may bind a unix socket, whose path the kernel limits to 107 characters."""

import hashlib
import os
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
