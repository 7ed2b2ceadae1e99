"""Model servers as processes of this machine, one supervised program for each generation of a deployment.

The address is claimed once and kept; the model server itself keeps its workers alive and says how they are in its
status file; supervisord keeps the model server alive. Nothing of ours, and no secret, is in a server's environment; a
model's code sees its bundle and its environment, and writes to its server's folder only.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelyard.adapters.target.bundles import FindBundle, HomeBundles, PlacedBundle
from modelyard.adapters.target.context import TargetContext
from modelyard.adapters.target.local_observation import observed, observed_unsupervised, reports_other_replicas
from modelyard.adapters.target.local_options import DEFAULT, LocalOptions
from modelyard.adapters.target.options import read_options
from modelyard.adapters.target.server_files import Applied, ServerFiles, generations_in
from modelyard.atomic_file import replace_text
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.file_lock import locked
from modelyard.home import Home
from modelyard.isolation import Confinement, Isolation
from modelyard.ports.log import LogPart
from modelyard.ports.target import Artifact, BundleArtifact, ServerKey, ServerObservation, ServerSpec, ServerState
from modelyard.supervision.environment import Scope
from modelyard.supervision.programs import Program
from modelyard.supervision.server_ports import ServerPorts, is_free
from modelyard.supervision.supervisor import ProgramState, Supervisor

STOP_SECONDS = 45
"""How long a model server has to finish what it is answering."""

_NAME = "local"
_HANDOVER = "handover"  # The folder where the generations of one deployment share their listening socket.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_NICE = 5  # The management API stays quick while models work; training runs come after both.
_OBSERVED_AT_ONCE = 16
_MEBIBYTE = 1024 * 1024


class LocalTarget:
    """Model servers of one home.

    Args:
        installation: the id of this installation, as `Target` has it.
        find_bundle: where bundles lie.
        replica_memory_bytes: the memory limit of a replica, and its default.
        server_settings: settings of `modelyard-serve` that all servers have in common, by name.
        options: where servers listen.
    """

    def __init__(
        self,
        home: Home,
        supervisor: Supervisor,
        *,
        installation: Callable[[], str],
        find_bundle: FindBundle,
        ports: range,
        isolation: Isolation,
        replica_memory_bytes: int | None = None,
        server_settings: Mapping[str, str | None] = MappingProxyType({}),
        options: LocalOptions = DEFAULT,
    ) -> None:
        self._options = options
        self._host = str(options.host)
        self._installation = installation
        self._find_bundle = find_bundle
        self._server_settings = options.with_host(server_settings)
        self._isolation = isolation.of_servers
        self._servers = home.servers
        self._supervisor = supervisor
        self._range = ports
        self._claims = ServerPorts(home.servers / "ports", host=self._host)
        self._replica_memory_bytes = replica_memory_bytes
        # One that hangs is asked at its address, and waited for: some at once, so that many do not hold up the others.
        self._observers = ThreadPoolExecutor(_OBSERVED_AT_ONCE, thread_name_prefix="observe")

    @classmethod
    def configured(cls, name: str, options: Mapping[str, Any], context: TargetContext) -> "LocalTarget":
        """The one target of the home, which has its servers in one folder and under one supervisor."""
        if name != _NAME:
            raise Invalid(
                f"MODELYARD_TARGETS: the only target of type '{_NAME}' must be named '{_NAME}', got '{name}'",
                code="target_options_invalid",
                field=f"targets.{name}",
            )
        read = read_options(LocalOptions, name, options)
        return cls(
            context.home,
            Supervisor(context.home),
            installation=context.installation,
            find_bundle=HomeBundles(context.home).find,
            ports=context.server_ports,
            isolation=context.isolation,
            replica_memory_bytes=context.replica_memory_bytes,
            server_settings=context.server_settings,
            options=read,
        )

    @property
    def ports(self) -> range:
        """Those of the settings."""
        return self._range

    @property
    def takes_grpc(self) -> bool:
        """A model server takes it on its one port."""
        return True

    def is_free(self, port: int) -> bool:
        """Whether nobody listens there now."""
        return is_free(self._host, port)

    @property
    def max_memory_bytes(self) -> int | None:
        """Of one replica, as the settings have it."""
        return self._replica_memory_bytes

    def apply(self, spec: ServerSpec) -> None:
        """Write the server's configuration and put its program; SIGHUP makes it read another number of replicas."""
        bundle = self._find_bundle(_bundle_of(spec.artifact))
        files = self._files(spec.deployment_id, spec.generation)
        files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(files.folder / "lock"):
            if not self._is_ours(files):
                raise Conflict(
                    f"'{spec.deployment_id}' is a server of another installation", code="server_of_other_installation"
                )
            files.write_applied(Applied(self._installation()))
            port = self._allocated_port(spec)
            replace_text(files.configuration, json.dumps({**self._server_settings, "workers": spec.replicas}))
            files.scratch.mkdir(mode=0o700, exist_ok=True)
            program = self._program(spec, files=files, bundle=bundle, port=port)
            if self._supervisor.put(program) and self._reports_other_replicas(files, spec.replicas):
                self._supervisor.signal(program.name, "HUP")
            files.write_applied(Applied(self._installation(), spec.fingerprint))

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """What this generation does now."""
        port = self._claims.port_of(deployment_id)
        if port is None or generation not in self._generations(deployment_id):
            return ServerObservation(state=ServerState.ABSENT)
        files, url = self._files(deployment_id, generation), self._options.own_url(port)
        try:
            seen = observed(files, url, self._supervisor.state(files.program))
        except Unavailable:
            seen = observed_unsupervised(files, url)
        return replace(seen, url=self._options.shown_url(port))

    def observe_all(self) -> Mapping[ServerKey, ServerObservation]:
        """Every server that holds a port: it is claimed before all else, and given back after all else."""
        programs = self._programs()

        def observe(files: ServerFiles, port: int) -> ServerObservation:
            url = self._options.own_url(port)
            if programs is None:
                seen = observed_unsupervised(files, url)
            else:
                seen = observed(files, url, programs.get(files.program))
            return replace(seen, url=self._options.shown_url(port))

        observations = {
            ServerKey(deployment_id, generation): self._observers.submit(
                observe, self._files(deployment_id, generation), port
            )
            for deployment_id, port in self._claims.claims().items()
            for generation in self._generations(deployment_id)
        }
        return {key: observation.result() for key, observation in observations.items()}

    def retire(self, deployment_id: str, generation: int) -> None:
        """Ask the program to stop, and take its files away when it has; other generations have the socket too."""
        files = self._files(deployment_id, generation)
        if files.configuration.exists() and self._is_ours(files):
            with locked(files.folder / "lock"):
                self._stop_and_delete(files)

    def remove(self, deployment_id: str) -> None:
        """Ask the programs to stop, and take their files away when they have; the port is given back last."""
        folder, generations = self._folder(deployment_id), self._generations(deployment_id)
        if not folder.is_dir() or not generations:
            return
        with locked(folder / "lock"):
            are_gone = [self._stop_and_delete(self._files(deployment_id, generation)) for generation in generations]
            if all(are_gone):
                shutil.rmtree(folder / _HANDOVER, ignore_errors=True)
                self._claims.release(deployment_id)

    def log_size(self, deployment_id: str, generation: int) -> int:
        """Of the file that takes what the server and its workers write."""
        return self._files(deployment_id, generation).log.size()

    def read_log(self, deployment_id: str, generation: int, offset: int) -> LogPart:
        """A part of that file."""
        return self._files(deployment_id, generation).log.read(offset)

    def _reports_other_replicas(self, files: ServerFiles, replicas: int) -> bool:
        program = self._supervisor.state(files.program)
        return program is not None and reports_other_replicas(files, program, replicas)

    def _programs(self) -> Mapping[str, ProgramState] | None:
        """What the supervisor says of each program; None while it does not answer."""
        try:
            return {program.name: program for program in self._supervisor.states()}
        except Unavailable:
            return None

    def _allocated_port(self, spec: ServerSpec) -> int:
        has = self._claims.port_of(spec.deployment_id)
        if has is not None:
            return has
        if spec.port is None:
            raise ValueError(f"The server of {spec.deployment_id} needs a port on this machine, and was given none.")
        return self._claims.claim(spec.deployment_id, spec.port)

    def _stop_and_delete(self, files: ServerFiles) -> bool:
        """Ask a generation to stop; whether it has stopped and its files are deleted. It does not wait while the
        supervisor runs. Without one, it ends the processes itself, and waits up to `STOP_SECONDS` until they end."""
        if self._supervisor.is_running() and not self._supervisor.ask_to_stop(files.program):
            return False
        self._supervisor.remove(files.program, timeout_seconds=STOP_SECONDS)
        files.delete()
        return True

    def _generations(self, deployment_id: str) -> Sequence[int]:
        """Those of a deployment that are ours; the first where nothing but its port was written yet."""
        if self._claims.port_of(deployment_id) is None:
            return []
        written = generations_in(self._folder(deployment_id)) or [1]
        return [number for number in written if self._is_ours(self._files(deployment_id, number))]

    def _is_ours(self, files: ServerFiles) -> bool:
        return files.applied().installation in {None, self._installation()}

    def _files(self, deployment_id: str, generation: int) -> ServerFiles:
        return ServerFiles(self._folder(deployment_id), deployment_id, generation)

    def _folder(self, deployment_id: str) -> Path:
        if not _ID.fullmatch(deployment_id):
            raise ValueError(f"A deployment's id is letters, digits, `-` and `_`; got {deployment_id!r}.")
        return self._servers / deployment_id

    def _program(self, spec: ServerSpec, *, files: ServerFiles, bundle: PlacedBundle, port: int) -> Program:
        command = [str(bundle.python.parent / "modelyard-serve"), str(bundle.path)]
        command += ["--config", str(files.configuration), "--status-file", str(files.status)]
        # Relative to the working directory, because a unix socket's path is limited to 108 bytes.
        command += ["--host", self._host, "--port", str(port), "--handover", _HANDOVER]
        memory = spec.resources.memory_bytes or self._replica_memory_bytes
        if memory is not None:
            command += ["--max-memory-mb", str(max(1, memory // _MEBIBYTE))]
        confinement = Confinement.of(
            self._isolation, python=bundle.python, writable=[files.folder], readable=[bundle.path], bind_ports=[port]
        )
        return Program(
            name=files.program,
            command=tuple(command),
            folder=files.folder,
            log=files.log_file,
            scope=Scope.MODEL,
            environment={**spec.environment, "HOME": str(files.scratch), "TMPDIR": str(files.scratch)},
            confinement=confinement.to_dict(),
            nice=_NICE,
            priority=500,
            stop_seconds=STOP_SECONDS,
        )


def _bundle_of(artifact: Artifact) -> BundleArtifact:
    if not isinstance(artifact, BundleArtifact):
        raise Invalid("artifact: this target runs bundles, got an image", code="artifact_unsupported", field="artifact")
    return artifact
