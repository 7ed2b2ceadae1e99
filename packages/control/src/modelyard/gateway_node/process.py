"""The Envoy of a node as a process: started, adopted by the next node after this one died, drained, ended.

It has a session of its own, so whoever kills the node does not end it. Its record says which process it is.
"""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Sequence

import structlog

from modelyard.atomic_file import replace_text
from modelyard.envoy.admin import EnvoyAdmin
from modelyard.envoy.binary import envoy_binary
from modelyard.errors import Unavailable
from modelyard.gateway_node.bootstrap import bootstrap
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.listeners import STAT_PREFIX
from modelyard.gateway_node.settings import GatewayNodeSettings
from modelyard.supervision.environment import Scope, inherited
from modelyard.supervision.generations import Generation, is_alive
from modelyard.supervision.log_tail import last_reason
from modelyard.supervision.waiting import until

logger = structlog.get_logger()

_MOST_THREADS = 4
_START_SECONDS = 20
_END_SECONDS = 5
_PAUSE_SECONDS = 0.1
_MOST_LOG_BYTES = 20 * 1024 * 1024
_FLUSH_MILLISECONDS = "1000"


def left_envoy(folder: NodeFolder) -> Generation | None:
    """The Envoy that runs in this folder, if one does."""
    left = Generation.read(folder.record)
    return left if left is not None and left.is_led() else None


def end_left_envoy(folder: NodeFolder) -> None:
    """End the Envoy of a node that was killed, and that no other node takes over."""
    left = left_envoy(folder)
    if left is not None:
        left.end(timeout_seconds=_END_SECONDS)


class NodeEnvoy:
    """One Envoy in a folder whose resources are written."""

    def __init__(self, folder: NodeFolder, settings: GatewayNodeSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._child: subprocess.Popen[bytes] | None = None
        self._generation: Generation | None = None
        self.admin = EnvoyAdmin(folder.socket)
        """Its admin interface."""

    def adopt(self) -> bool:
        """Take over the one that an earlier node left, if it was started as this one would; one of other settings is
        drained and ended. Whether one runs."""
        left = left_envoy(self._folder)
        if left is None:
            return False
        self._generation = left
        if left.digest == self._digest() and self._answers():
            logger.info("the gateway's Envoy of before is taken over", pid=left.group)
            return True
        logger.info("the gateway's Envoy of before has other settings, and is ended", pid=left.group)
        self.stop()
        return False

    def start(self) -> None:
        """Start it and return when it listens.

        Raises:
            Unavailable: code `envoy_failed`: it ends before it listens, with the reason; `envoy_missing`.
        """
        replace_text(self._folder.bootstrap, self._bootstrap())
        self._folder.socket.unlink(missing_ok=True)  # Of one that was killed.
        self.limit_log()
        with self._folder.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=inherited(Scope.MODEL, os.environ),  # It needs no secret.
            )
        self._generation = Generation.of(self._child.pid, digest=self._digest())
        self._generation.write(self._folder.record)
        listens = until(lambda: not self.is_running() or self._answers(), seconds=_START_SECONDS)
        if not listens or not self.is_running():
            reason = last_reason(self._folder.log)
            self._end()
            raise Unavailable(f"Envoy does not listen: {reason}", code="envoy_failed")

    def is_running(self) -> bool:
        """Whether it runs."""
        if self._child is not None:
            return self._child.poll() is None
        return self._generation is not None and is_alive(self._generation.group)

    def stop(self) -> None:
        """Take no more connections, wait for requests that have begun as long as the settings say, and end it."""
        if self.is_running():
            try:
                self._drain()
            except Unavailable as exc:
                logger.warning("the gateway's Envoy ends without draining", reason=exc.message)
        self._end()

    def limit_log(self) -> None:
        """Begin its log anew when it has become large. It appends, so nothing is torn."""
        if self._folder.log.exists() and self._folder.log.stat().st_size > _MOST_LOG_BYTES:
            os.truncate(self._folder.log, 0)

    def _drain(self) -> None:
        self.admin.fail_health_check()
        time.sleep(self._settings.notice_seconds)
        self.admin.stop_listening()
        until(
            lambda: not self.is_running() or not self.admin.active_requests(STAT_PREFIX),
            seconds=self._settings.drain_seconds,
        )

    def _end(self) -> None:
        if self._generation is not None:
            self._generation.end(timeout_seconds=_END_SECONDS)
        if self._child is not None:
            self._child.wait()
        self._child = self._generation = None
        self._folder.record.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            return self.admin.is_live()
        except Unavailable:
            return False

    def _bootstrap(self) -> str:
        return json.dumps(bootstrap(self._folder, self._settings), indent=1)

    def _digest(self) -> str:
        """Of everything that a running Envoy cannot be taught."""
        words = [self._bootstrap(), *self._command(), str(envoy_binary().stat().st_mtime_ns)]
        return hashlib.sha256("\n".join(words).encode()).hexdigest()

    def _command(self) -> Sequence[str]:
        threads = self._settings.threads or min(_MOST_THREADS, _processors())
        return (
            *(str(envoy_binary()), "--config-path", str(self._folder.bootstrap), "--concurrency", str(threads)),
            *("--disable-hot-restart", "--reject-unknown-dynamic-fields", "--log-level", "warning"),
            *("--file-flush-interval-msec", _FLUSH_MILLISECONDS),
        )


def _processors() -> int:
    """Those that this process may use, where the system says which."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
