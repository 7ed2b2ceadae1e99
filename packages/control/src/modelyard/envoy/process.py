"""One Envoy as a supervised program: started again after a crash, with the resources that its files have."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.atomic_file import replace_text
from modelyard.envoy.admin import EnvoyAdmin
from modelyard.envoy.binary import envoy_binary
from modelyard.envoy.resources import from_file, write_resources
from modelyard.supervision.environment import Scope
from modelyard.supervision.programs import Program
from modelyard.supervision.supervisor import Supervisor
from modelyard.supervision.unix_sockets import bindable

_MOST_THREADS = 4
_OPEN_MODE = 0o600
_STOP_SECONDS = 55


class EnvoyProcess:
    """Envoy in a folder. Whoever owns it writes `listeners` and `clusters`, and what these refer to, into the folder.

    Args:
        name: of the program, as the supervisor and `modelyard status` have it.
        stat_prefix: of its listeners; requests at these end before it is stopped.
    """

    def __init__(self, folder: Path, supervisor: Supervisor, *, name: str, stat_prefix: str) -> None:
        self.listeners = folder / "listeners.json"
        """The file of its listeners (LDS)."""
        self.clusters = folder / "clusters.json"
        """The file of its clusters (CDS)."""
        self._folder = folder
        self._supervisor = supervisor
        self._name = name
        self._stat_prefix = stat_prefix

    def run(self) -> None:
        """Have it run, if it does not; nothing is waited for.

        Raises:
            Unavailable: code `envoy_missing` or `supervisor_unavailable`.
        """
        binary = envoy_binary()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for resources in (self.listeners, self.clusters):  # Envoy does not start without them.
            if not resources.exists():
                write_resources(resources, [])
        bootstrap = json.dumps(self._bootstrap(), indent=2)
        configuration = self._folder / "bootstrap.json"
        if not configuration.exists() or configuration.read_text(encoding="utf-8") != bootstrap:
            replace_text(configuration, bootstrap)
        self._supervisor.put(self._program(binary, configuration))

    def admin(self) -> EnvoyAdmin:
        """A client of its admin interface."""
        return EnvoyAdmin(self._socket)

    @property
    def _socket(self) -> Path:
        inside = self._folder / "admin.sock"
        return bindable(inside, key=inside)

    def _bootstrap(self) -> Mapping[str, Any]:
        return {
            "node": {"id": self._name, "cluster": "modelyard"},
            "admin": {"address": {"pipe": {"path": str(self._socket), "mode": _OPEN_MODE}}},
            "dynamic_resources": {"lds_config": from_file(self.listeners), "cds_config": from_file(self.clusters)},
        }

    def _program(self, binary: Path, configuration: Path) -> Program:
        return Program(
            name=self._name,
            command=(
                *(sys.executable, "-P", "-m", "modelyard.envoy.run", str(self._socket), self._stat_prefix),
                *_command(binary, configuration),
            ),
            folder=self._folder,
            log=self._folder / "envoy.log",
            scope=Scope.MODEL,  # It needs no secret.
            priority=800,
            stop_seconds=_STOP_SECONDS,
        )


def _command(binary: Path, configuration: Path) -> Sequence[str]:
    threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)))
    return (
        *(str(binary), "--config-path", str(configuration), "--concurrency", str(threads)),
        *("--disable-hot-restart", "--reject-unknown-dynamic-fields", "--log-level", "warning"),
    )
