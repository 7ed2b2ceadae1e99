"""Runs in containers of a Docker engine: one container for each run, which goes when what it left is copied.

The agent is reached through a port that the engine publishes on loopback; on the network `host`, where nothing is
published, through the port of loopback that the agent chose and wrote into its output.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import httpx

from modelyard.adapters.docker import DockerEngine, EngineRefused
from modelyard.adapters.runner.agent.client import AgentAway, AgentClient, HttpLine
from modelyard.adapters.runner.agent.exchange import GRACE, HOLD, HOST, LISTENING, PORT, TOKEN, WORK_FOLDER
from modelyard.adapters.runner.failure import readable_bytes
from modelyard.adapters.runner.run_host import PlaceObservation, PlaceState, RunPlace
from modelyard.adapters.runner.run_image import AGENT_PORT, RunImage, RunImages
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.oci.export import archive_chunks
from modelyard.ports.environments import Lock

HOST_NETWORK = "host"
_REPOSITORY = "localhost/modelyard-runs"
_INSTALLATION, _RUN = "io.modelyard.installation", "io.modelyard.run"
_AGENT_BYTES = 96 * 1024 * 1024
"""Memory of the agent and of the supervisor, beside the script's, whose limit the supervisor holds."""
_MOST_TASKS = 16 * 1024
"""Threads count too. How many processes a script may have is the supervisor's to say."""
_ANSWER_SECONDS = 30.0
_PORT_LINE = re.compile(rf"{LISTENING}(\d+)".encode())


@dataclass(frozen=True, slots=True)
class ContainerOptions:
    """How containers of runs are made."""

    network: str = "bridge"
    publish_host: str = "127.0.0.1"
    cpus: float | None = None
    grace_seconds: float = 10.0
    hold_seconds: float = 24 * 3600.0
    """How long what a run left waits for a control plane that is away."""


class DockerHost:
    """A Docker engine as a `RunHost`."""

    def __init__(
        self, engine: DockerEngine, images: RunImages, *, installation: Callable[[], str], options: ContainerOptions
    ) -> None:
        self._engine = engine
        self._images = images
        self._installation = installation
        self._options = options
        self._http = httpx.Client(timeout=_ANSWER_SECONDS, trust_env=False, verify=False)  # noqa: S501  # No TLS here.

    def close(self) -> None:
        """Close connections to the engine and to agents."""
        self._engine.close()
        self._http.close()

    def prepare(self, lock: Lock, *, driver: Lock | None = None, log: Callable[[str], None]) -> None:
        """Build the image, and load it into the engine."""
        image = self._images.ensure(lock, driver=driver, log=log)
        name = self._name(image)
        if self._has(name):
            return
        log(f"loading {name} into the Docker engine")
        layout = self._images.layout
        with layout.shared_lock():
            archive = archive_chunks(layout, image.descriptor, reference=name)
            self._engine.transfer(lambda api: api.load_image(archive))
        self._remove_older()

    def create(self, place: RunPlace) -> None:
        """Create the container and start it.

        Raises:
            Invalid: code `run_refused`: the engine does not take what it shall be.
        """
        image = self._images.find(place.python_environment, place.notebook_driver)
        name = None if image is None else self._name(image)
        if name is None or not self._has(name):
            raise Unavailable("The image of the run is not in the Docker engine.", code="run_image_absent")
        try:
            self._start(place, name)
        except EngineRefused as error:
            raise Invalid(
                f"the Docker engine refuses the run's container: {error.message}", code="run_refused"
            ) from error

    def find(self, name: str) -> PlaceObservation:
        """By the state of the container."""
        from docker.errors import NotFound  # noqa: PLC0415

        with self._engine.translated():
            try:
                container = self._engine.api.inspect_container(name)
            except NotFound:
                return PlaceObservation(PlaceState.ABSENT)
        state = container["State"]
        if state["Running"]:
            return PlaceObservation(PlaceState.UP)
        if state["Status"] == "created":
            return PlaceObservation(PlaceState.PENDING, state.get("Error") or None)
        if state.get("OOMKilled"):
            limit = readable_bytes(container["HostConfig"]["Memory"] - _AGENT_BYTES)
            return PlaceObservation(PlaceState.ENDED, f"The script used more memory than its limit of {limit}.")
        return PlaceObservation(PlaceState.ENDED)

    def agent(self, name: str, token: str) -> AgentClient:
        """At its published port, or at the one of loopback that it has chosen."""
        host = "127.0.0.1" if self._options.network == HOST_NETWORK else self._options.publish_host
        return AgentClient(HttpLine(self._http, f"http://{host}:{self._port(name)}"), token)

    def gateway(self) -> str:
        """The address of this machine on the containers' network.

        Raises:
            Unavailable: the engine does not answer, or does not say it.
        """
        from docker.errors import NotFound  # noqa: PLC0415

        with self._engine.translated():
            try:
                network = self._engine.api.inspect_network(self._options.network)
            except NotFound as error:
                raise Unavailable(
                    f"The Docker engine has no network '{self._options.network}'.", code="docker_network_absent"
                ) from error
        found = [each["Gateway"] for each in network["IPAM"]["Config"] or [] if each.get("Gateway")]
        if not found:
            raise Unavailable(
                f"The network '{self._options.network}' has no gateway: set the runner's tracking_uri.",
                code="docker_network_absent",
            )
        return str(found[0])

    def remove(self, name: str) -> None:
        """The container and its volume."""
        from docker.errors import NotFound  # noqa: PLC0415

        with self._engine.translated():
            try:
                labels = self._engine.api.inspect_container(name)["Config"]["Labels"]
                self._refuse_others(name, labels)
                self._engine.api.remove_container(name, v=True, force=True)
            except NotFound:
                return

    def _start(self, place: RunPlace, image: str) -> None:
        from docker.errors import NotFound  # noqa: PLC0415

        with self._engine.translated():
            try:
                found = self._engine.api.inspect_container(place.name)
            except NotFound:
                found = None
            if found is not None:
                self._refuse_others(place.name, found["Config"]["Labels"])
            try:
                if found is None:
                    self._engine.api.create_container_from_config(self._config(place, image), name=place.name)
                self._engine.api.start(place.name)
            except NotFound as error:  # As of a network.
                raise Invalid(
                    f"the Docker engine refuses the run's container: {error.explanation}", code="run_refused"
                ) from error

    def _has(self, name: str) -> bool:
        from docker.errors import NotFound  # noqa: PLC0415

        with self._engine.translated():
            try:
                self._engine.api.inspect_image(name)
            except NotFound:
                return False
        return True

    def _config(self, place: RunPlace, image: str) -> dict[str, object]:
        options = self._options
        on_host = options.network == HOST_NETWORK
        port = f"{AGENT_PORT}/tcp"
        variables = {
            TOKEN: place.token,
            HOST: "127.0.0.1" if on_host else "0.0.0.0",  # noqa: S104  # A container's own.
            PORT: "0" if on_host else str(AGENT_PORT),
            GRACE: str(options.grace_seconds),
            HOLD: str(options.hold_seconds),
        }
        memory = place.limits.memory_bytes + _AGENT_BYTES
        published = {"PortBindings": {port: [{"HostIp": options.publish_host, "HostPort": ""}]}}
        gateway = {"ExtraHosts": ["host.docker.internal:host-gateway"]}
        return {
            "Image": image,
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "Labels": {_INSTALLATION: self._installation(), _RUN: place.run_key},
            "ExposedPorts": {} if on_host else {port: {}},
            "HostConfig": {
                "NetworkMode": options.network,
                "ReadonlyRootfs": True,
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "PidsLimit": _MOST_TASKS,
                "Memory": memory,
                "MemorySwap": memory,
                "NanoCpus": 0 if options.cpus is None else int(options.cpus * 1e9),
                "Mounts": [{"Type": "volume", "Target": f"/{WORK_FOLDER}"}],
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
                **({} if on_host else {**published, **gateway}),
            },
        }

    def _port(self, name: str) -> int:
        with self._engine.translated():
            container = self._engine.api.inspect_container(name)
            published = (container["NetworkSettings"]["Ports"] or {}).get(f"{AGENT_PORT}/tcp")
            if published:
                return int(published[0]["HostPort"])
            found = _PORT_LINE.search(self._engine.api.logs(name, stdout=True, stderr=False, tail=10))
        if found is None:
            raise AgentAway("it has not begun to listen")
        return int(found[1])

    def _refuse_others(self, name: str, labels: dict[str, str] | None) -> None:
        """Raises:
        Conflict: code `container_of_other_installation`.
        """
        if (labels or {}).get(_INSTALLATION) != self._installation():
            raise Conflict(
                f"the Docker engine has a container '{name}' that is not this installation's",
                code="container_of_other_installation",
            )

    def _remove_older(self) -> None:
        """Take this installation's images out of the engine that the layout does not have any more. One that a
        container uses stays until the next time."""
        from docker.errors import NotFound  # noqa: PLC0415

        kept = {self._name(image) for image in self._images.all()}
        with self._engine.translated():
            loaded = [tag for image in self._engine.api.images(self._repository) for tag in image["RepoTags"] or []]
        for name in loaded:
            if name not in kept:
                with suppress(EngineRefused, NotFound), self._engine.translated():
                    self._engine.api.remove_image(name)

    @property
    def _repository(self) -> str:
        return f"{_REPOSITORY}/{self._installation()}"

    def _name(self, image: RunImage) -> str:
        return f"{self._repository}:{image.tag}"
