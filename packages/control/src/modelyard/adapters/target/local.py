"""Model servers as processes of this machine, one supervised program for each deployment.

The address is claimed once and kept; the model server itself keeps its workers alive and says how they are in its
status file; supervisord keeps the model server alive. Nothing of ours, and no secret, is in a server's environment; a
model's code sees its bundle and its environment, and writes to its server's folder only.
"""

import json
import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from modelyard.adapters.file_lock import locked
from modelyard.adapters.target.status_file import ServerStatus, read_status
from modelyard.atomic_file import replace_text
from modelyard.errors import Unavailable
from modelyard.home import Home
from modelyard.isolation import Confinement, Isolation
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.local.environment import Scope
from modelyard.local.generations import is_alive
from modelyard.local.log_tail import last_lines
from modelyard.local.programs import SERVER_PREFIX, Program
from modelyard.local.server_ports import ServerPorts
from modelyard.local.supervisor import ProcessState, ProgramState, Supervisor
from modelyard.ports.target import ServerObservation, ServerSpec, ServerState

STOP_SECONDS = 45
"""How long a model server has to finish what it is answering."""

_HOST = "127.0.0.1"
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
    ) -> None:
        self._isolation = isolation.of_servers
        self._servers = home.servers
        self._supervisor = supervisor
        self._ports = ServerPorts(home.servers / "ports", host=_HOST, first=first_port, last=last_port)

    @property
    def name(self) -> str:
        """As a deployment names it."""
        return "local"

    def apply(self, spec: ServerSpec) -> None:
        """Write the server's configuration and put its program; a change of `replicas` alone is told by SIGHUP."""
        folder = self._folder(spec.deployment_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder / "lock"):
            port = self._ports.claim(spec.deployment_id)
            replace_text(folder / "server.json", json.dumps({"workers": spec.replicas}))
            (folder / "tmp").mkdir(mode=0o700, exist_ok=True)
            program = _program(spec, folder=folder, port=port, isolation=self._isolation)
            if self._supervisor.put(program) and _has_other_replicas(folder, spec):
                self._supervisor.signal(program.name, "HUP")

    def observe(self, deployment_id: str) -> ServerObservation:
        """What the status file says, if it is fresh and of the process that runs; else what the supervisor says."""
        port = self._ports.port_of(deployment_id)
        if port is None:
            return ServerObservation(state=ServerState.ABSENT)
        url = f"http://{_HOST}:{port}"
        status = read_status(self._folder(deployment_id) / "status.json")
        try:
            program = self._supervisor.state(SERVER_PREFIX + deployment_id)
        except Unavailable:
            if status is None or not _is_fresh(status) or not is_alive(status.pid):
                raise
            return _unsupervised(url, status)
        if program is None:
            return ServerObservation(state=ServerState.ABSENT)
        if status is not None and status.pid == program.pid and is_alive(status.pid):
            return _reported(url, status) if _is_fresh(status) else _silent(url, status)
        return _unreported(url, program)

    def remove(self, deployment_id: str) -> None:
        """Stop the program and take its files away; the port is given back last."""
        folder = self._folder(deployment_id)
        if not folder.is_dir():
            return
        with locked(folder / "lock"):
            self._supervisor.remove(SERVER_PREFIX + deployment_id, patience=STOP_SECONDS)
            for name in ("server.json", "status.json"):
                (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder / "tmp", ignore_errors=True)
            self._ports.release(deployment_id)

    def deployment_ids(self) -> Sequence[str]:
        """Those that hold a port: it is claimed before all else, and given back after all else."""
        return sorted(self._ports.claims())

    def log_path(self, deployment_id: str) -> Path | None:
        """The file that takes what the server and its workers write."""
        return self._folder(deployment_id) / "server.log"

    def _folder(self, deployment_id: str) -> Path:
        if not _ID.fullmatch(deployment_id):
            raise ValueError(f"A deployment's id is letters, digits, `-` and `_`; {deployment_id!r} came.")
        return self._servers / deployment_id


def _program(spec: ServerSpec, *, folder: Path, port: int, isolation: Isolation) -> Program:
    command = [str(spec.python.parent / "modelyard-serve"), str(spec.bundle)]
    command += ["--config", str(folder / "server.json"), "--status-file", str(folder / "status.json")]
    command += ["--host", _HOST, "--port", str(port)]
    if spec.memory_bytes is not None:
        command += ["--max-memory-mb", str(max(1, spec.memory_bytes // _MEBIBYTE))]
    confinement = Confinement.of(
        isolation, python=spec.python, writable=[folder], readable=[spec.bundle], bind_ports=[port]
    )
    return Program(
        name=SERVER_PREFIX + spec.deployment_id,
        command=tuple(command),
        folder=folder,
        log=folder / "server.log",
        scope=Scope.MODEL,
        environment={"HOME": str(folder / "tmp"), "TMPDIR": str(folder / "tmp")},
        confinement=confinement.written(),
        nice=_NICE,
        priority=500,
        stop_seconds=STOP_SECONDS,
    )


def _has_other_replicas(folder: Path, spec: ServerSpec) -> bool:
    """Whether the running server has read another number; what has not reported yet may have."""
    status = read_status(folder / "status.json")
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
    said = "".join(last_lines(program.log, 1)).strip()
    reason = f"It ends before it can report: {said}" if said else "It ends before it can report, and says nothing."
    return ServerObservation(ServerState.FAILED, url, reason)
