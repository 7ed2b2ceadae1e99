"""`python -m modelyard`: the control plane in this process."""

import os
import sys
import threading
from types import FrameType

import uvicorn

from modelyard.errors import Invalid
from modelyard.logs import configure_logs
from modelyard.main import ControlPlane, real_adapters
from modelyard.settings import Settings

_KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open. A client that asks every five seconds, uvicorn's default, would now and then
send a request on a connection that is just being closed."""


_START_FAILED = 3
"""The exit code, as uvicorn's."""


class _Server(uvicorn.Server):
    """Says that it stops before it waits for the requests that it has."""

    def __init__(self, config: uvicorn.Config, *, stopping: threading.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().handle_exit(sig, frame)


def main() -> None:
    """Serve the management API until a signal comes."""
    configure_logs(sys.stderr)
    try:
        settings = Settings()
        adapters = real_adapters(settings)  # Targets and runners check their own settings.
        control_plane = ControlPlane(settings, adapters)
        control_plane.database.is_reachable()  # One that is away for now is waited for later.
    except Invalid as exc:
        sys.exit(exc.message)
    server = _Server(
        uvicorn.Config(
            control_plane.app(),
            host=settings.http.host,
            port=settings.http.port,
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=3,
        ),
        stopping=control_plane.stopping,
    )
    server.run()
    if not server.started:
        sys.exit(_START_FAILED)
    # Jobs may still be inside a step. They are made to be cut off anywhere, so we do not wait for them.
    os._exit(0)


if __name__ == "__main__":
    main()
