"""Model servers as processes of this machine, one supervised program for each generation of a deployment.

The address is claimed once and kept; the model server itself keeps its workers alive and says how they are in its
status file; supervisord keeps the model server alive. Nothing of ours, and no secret, is in a server's environment; a
model's code sees its bundle and its environment, and writes to its server's folder only.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import httpx

from modelyard.adapters.target.status_file import ServerStatus, read_status
from modelyard.atomic_file import replace_text
from modelyard.errors import Unavailable
from modelyard.file_lock import locked
from modelyard.home import Home
from modelyard.isolation import Confinement, Isolation
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.ports.target import ServerObservation, ServerSpec, ServerState
from modelyard.supervision.environment import Scope
from modelyard.supervision.generations import is_alive
from modelyard.supervision.log_tail import last_reason
from modelyard.supervision.programs import Program, generation_suffix, server_program
from modelyard.supervision.server_ports import ServerPorts, is_free
from modelyard.supervision.supervisor import ProcessState, ProgramState, Supervisor

STOP_SECONDS = 45
"""How long a model server has to finish what it is answering."""

_HOST = "127.0.0.1"
_HANDOVER = "handover"  # The folder where the generations of one deployment share their listening socket.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_FRESH = timedelta(seconds=10)  # A server writes its status every two seconds.
_NICE = 5  # The management API stays quick while models work; training runs come after both.
_MEBIBYTE = 1024 * 1024


class LocalTarget:
    """The target `local`."""

    def __init__(
        self,
        home: Home,
        supervisor: Supervisor,
        *,
        first_port: int,
        last_port: int,
        isolation: Isolation = NO_ISOLATION,
        server_settings: Mapping[str, str | None] = MappingProxyType({}),
    ) -> None:
        """
        Args:
            server_settings: settings of `modelyard-serve` that all servers have in common, by name.
        """
        self._server_settings = server_settings
        self._isolation = isolation.of_servers
        self._servers = home.servers
        self._supervisor = supervisor
        self._range = range(first_port, last_port + 1)
        self._ports = ServerPorts(home.servers / "ports", host=_HOST)

    @property
    def name(self) -> str:
        """As a deployment names it."""
        return "local"

    @property
    def ports(self) -> range:
        """Those of the settings."""
        return self._range

    def is_free(self, port: int) -> bool:
        """Whether nobody listens there now."""
        return is_free(_HOST, port)

    def apply(self, spec: ServerSpec) -> None:
        """Write the server's configuration and put its program; a change of `replicas` alone is told by SIGHUP."""
        place = self._place(spec.deployment_id, spec.generation)
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(place.folder / "lock"):
            port = self._claimed(spec)
            replace_text(place.configuration, json.dumps({**self._server_settings, "workers": spec.replicas}))
            place.scratch.mkdir(mode=0o700, exist_ok=True)
            program = _program(spec, place=place, port=port, isolation=self._isolation)
            if self._supervisor.put(program) and _has_other_replicas(place, spec):
                self._supervisor.signal(program.name, "HUP")

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """What the status file says, if it is fresh and of the process that runs; else what the supervisor says."""
        port = self._ports.port_of(deployment_id)
        if port is None:
            return ServerObservation(state=ServerState.ABSENT)
        url = f"http://{_HOST}:{port}"
        place = self._place(deployment_id, generation)
        status = read_status(place.status)
        try:
            program = self._supervisor.state(place.program)
        except Unavailable:
            if status is None or not _is_fresh(status) or not is_alive(status.pid):
                raise
            return _unsupervised(url, status)
        if program is None:
            return ServerObservation(state=ServerState.ABSENT)
        if status is not None and status.pid == program.pid and is_alive(status.pid):
            return _reported(url, status) if _is_fresh(status) else _silent(url, status)
        return _unreported(url, program)

    def generations(self, deployment_id: str) -> Sequence[int]:
        """Those that have a configuration: it is written before all else, and taken away after all else."""
        names = [path.stem for path in self._folder(deployment_id).glob("server*.json")]
        return sorted(int(name.removeprefix("server-g")) if "-g" in name else 1 for name in names)

    def retire(self, deployment_id: str, generation: int) -> None:
        """Stop the program and take its files away; other generations have the listening socket too."""
        place = self._place(deployment_id, generation)
        if not place.configuration.exists():
            return
        with locked(place.folder / "lock"):
            self._retire(place)

    def remove(self, deployment_id: str) -> None:
        """Stop the programs and take their files away; the port is given back last."""
        folder = self._folder(deployment_id)
        if not folder.is_dir():
            return
        with locked(folder / "lock"):
            for generation in {1, *self.generations(deployment_id)}:
                self._retire(self._place(deployment_id, generation))
            shutil.rmtree(folder / _HANDOVER, ignore_errors=True)
            self._ports.release(deployment_id)

    def deployment_ids(self) -> Sequence[str]:
        """Those that hold a port: it is claimed before all else, and given back after all else."""
        return sorted(self._ports.claims())

    def log_path(self, deployment_id: str, generation: int) -> Path | None:
        """The file that takes what the server and its workers write."""
        return self._place(deployment_id, generation).log

    def _claimed(self, spec: ServerSpec) -> int:
        has = self._ports.port_of(spec.deployment_id)
        if has is not None:
            return has
        if spec.port is None:
            raise ValueError(f"The server of {spec.deployment_id} needs a port on this machine, and was given none.")
        return self._ports.claim(spec.deployment_id, spec.port)

    def _retire(self, place: "_Place") -> None:
        self._supervisor.remove(place.program, patience=STOP_SECONDS)
        place.status.unlink(missing_ok=True)
        shutil.rmtree(place.scratch, ignore_errors=True)
        place.configuration.unlink(missing_ok=True)

    def _place(self, deployment_id: str, generation: int) -> "_Place":
        return _Place(self._folder(deployment_id), deployment_id, generation)

    def _folder(self, deployment_id: str) -> Path:
        if not _ID.fullmatch(deployment_id):
            raise ValueError(f"A deployment's id is letters, digits, `-` and `_`; {deployment_id!r} came.")
        return self._servers / deployment_id


@dataclass(frozen=True, slots=True)
class _Place:
    """The files of one generation of a deployment's servers."""

    folder: Path
    deployment_id: str
    generation: int

    @property
    def program(self) -> str:
        return server_program(self.deployment_id, self.generation)

    @property
    def configuration(self) -> Path:
        return self._file("server", "json")

    @property
    def status(self) -> Path:
        return self._file("status", "json")

    @property
    def log(self) -> Path:
        return self._file("server", "log")

    @property
    def scratch(self) -> Path:
        return self.folder / f"tmp{generation_suffix(self.generation)}"

    def _file(self, name: str, ending: str) -> Path:
        return self.folder / f"{name}{generation_suffix(self.generation)}.{ending}"


def _program(spec: ServerSpec, *, place: _Place, port: int, isolation: Isolation) -> Program:
    command = [str(spec.python.parent / "modelyard-serve"), str(spec.bundle)]
    command += ["--config", str(place.configuration), "--status-file", str(place.status)]
    # Relative to the working directory, because a unix socket's path has an end.
    command += ["--host", _HOST, "--port", str(port), "--handover", _HANDOVER]
    if spec.memory_bytes is not None:
        command += ["--max-memory-mb", str(max(1, spec.memory_bytes // _MEBIBYTE))]
    confinement = Confinement.of(
        isolation, python=spec.python, writable=[place.folder], readable=[spec.bundle], bind_ports=[port]
    )
    return Program(
        name=place.program,
        command=tuple(command),
        folder=place.folder,
        log=place.log,
        scope=Scope.MODEL,
        environment={"HOME": str(place.scratch), "TMPDIR": str(place.scratch)},
        confinement=confinement.written(),
        nice=_NICE,
        priority=500,
        stop_seconds=STOP_SECONDS,
    )


def _has_other_replicas(place: _Place, spec: ServerSpec) -> bool:
    """Whether the running server has read another number; what has not reported yet may have."""
    status = read_status(place.status)
    return status is None or status.replicas != spec.replicas


def _is_fresh(status: ServerStatus) -> bool:
    return datetime.now(UTC) - status.updated_at < _FRESH


def _reported(url: str, status: ServerStatus) -> ServerObservation:
    replicas = [worker.observed() for worker in status.workers]
    return ServerObservation(status.state, url, status.reason(), replicas)


def _unsupervised(url: str, status: ServerStatus) -> ServerObservation:
    said = _reported(url, status)
    state = ServerState.DEGRADED if said.state is ServerState.READY else said.state
    reason = "The process supervisor is gone, so nothing would start it again after a crash."
    return ServerObservation(state, url, reason, said.replicas)


def _silent(url: str, status: ServerStatus) -> ServerObservation:
    """It runs and has stopped reporting: what it said is history, so its own address is asked."""
    age = (datetime.now(UTC) - status.updated_at).total_seconds()
    answers = _answers(url)
    reason = f"It has not reported for {age:.0f} s; its address {'answers' if answers else 'does not answer'}."
    return ServerObservation(ServerState.DEGRADED if answers else ServerState.FAILED, url, reason)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/health/ready", timeout=1, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _unreported(url: str, program: ProgramState) -> ServerObservation:
    """Its present process has not written a status: it is starting, or it ends before it can."""
    if program.state in {ProcessState.STARTING, ProcessState.RUNNING}:
        return ServerObservation(ServerState.STARTING, url)
    if program.state is ProcessState.STOPPING:
        return ServerObservation(ServerState.DRAINING, url)
    said = last_reason(program.log).strip()
    reason = f"It ends before it can report: {said}" if said else "It ends before it can report, and says nothing."
    return ServerObservation(ServerState.FAILED, url, reason)
