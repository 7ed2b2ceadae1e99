"""Runs Envoy until SIGTERM, and then lets it end the requests that it has begun: by itself it would cut them.

`python -P -m modelyard.envoy.run SOCKET STAT_PREFIX COMMAND…`, with the socket of its admin interface.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from modelyard.envoy.admin import EnvoyAdmin
from modelyard.errors import Unavailable

_DRAIN_SECONDS = 50
_PAUSE_SECONDS = 0.1


def run(socket: Path, stat_prefix: str, command: Sequence[str]) -> int:
    """The exit code of Envoy."""
    socket.unlink(missing_ok=True)  # Of one that was killed.
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with subprocess.Popen(command) as envoy:
        while envoy.poll() is None and not stop.wait(_PAUSE_SECONDS):
            pass
        if envoy.poll() is None:
            _drain(EnvoyAdmin(socket), stat_prefix)
            envoy.terminate()
        return envoy.wait()


def _drain(admin: EnvoyAdmin, stat_prefix: str) -> None:
    deadline = time.monotonic() + _DRAIN_SECONDS
    try:
        admin.stop_listening()
        while admin.active_requests(stat_prefix) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
    except Unavailable as exc:
        sys.stderr.write(f"Envoy ends without draining: {exc.message}\n")


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
