"""The containers of one target and one installation in an engine; `ReplicaPlatform` says what each call does."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from modelyard.adapters.docker import EngineRefused
from modelyard.adapters.target.balanced import Phase, Replica
from modelyard.adapters.target.balanced.collected_log import CollectedLog
from modelyard.adapters.target.docker.containers import (
    DEPLOYMENT,
    GENERATION,
    HTTP,
    IMAGE,
    INSTALLATION,
    TARGET,
    Limits,
    PublishedPorts,
    configuration_of,
    container_name,
    labels_of,
    name_prefix,
    places_in_use,
    replica_of,
    template_of,
)
from modelyard.adapters.target.docker.engine import Engine
from modelyard.adapters.target.docker.images import EngineImage, EngineImages
from modelyard.adapters.target.docker.options import DockerOptions
from modelyard.adapters.target.docker.refusals import Refusals
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.ports.log import LogPart
from modelyard.ports.target import ImageArtifact, ServerKey, ServerSpec
from modelyard.supervision.programs import generation_suffix
from modelyard.supervision.server_ports import is_free

_MEBIBYTE = 1024 * 1024


class DockerReplicas:
    """Args:
    target: the name of the target.
    folder: for logs.
    arguments: of every server.
    memory_bytes: of a replica for which no memory is asked.
    """

    def __init__(
        self,
        engine: Engine,
        images: EngineImages,
        *,
        installation: Callable[[], str],
        target: str,
        options: DockerOptions,
        folder: Path,
        arguments: Sequence[str],
        memory_bytes: int | None,
    ) -> None:
        self._engine = engine
        self._images = images
        self._installation = installation
        self._target = target
        self._options = options
        self._folder = folder
        self._arguments = arguments
        self._memory_bytes = memory_bytes
        self._choosing_ports = threading.Lock()
        self._refusals = Refusals()
        self._exits: dict[str, str] = {}
        """Why containers ended, which the engine forgets when it starts them again."""

    def replicas(self, deployment_id: str | None = None) -> Sequence[Replica]:
        """By their labels."""
        wanted: dict[str, str | None] = dict(self._own_labels())
        if deployment_id is not None:
            wanted[DEPLOYMENT] = deployment_id
        found = [replica_of(container) for container in self._engine.containers(wanted)]
        return [self._with_last_exit(one) for one in found if one is not None]

    def has_foreign(self, deployment_id: str) -> bool:
        """Whether a container of this deployment has the id of another installation."""
        found = self._engine.listed({DEPLOYMENT: deployment_id, INSTALLATION: None})
        return any(one["Labels"][INSTALLATION] != self._installation() for one in found)

    def template(self, spec: ServerSpec) -> str:
        """Of the spec, and of what this target adds to it."""
        _image_of(spec)
        return template_of(spec, self._limits(spec), self._options)

    def prepare(self, spec: ServerSpec) -> bool:
        """Whether the engine has the image."""
        return self._images.ensure(_image_of(spec)) is not None

    def create(self, spec: ServerSpec, index: int) -> None:
        """Create and start its container. One that does not start is deleted again."""
        image = self._images.find(_image_of(spec))
        if image is None:
            raise Unavailable("the image of the server is not in the engine any more", code="image_unavailable")
        template = self.template(spec)
        name = container_name(spec, index, template)
        self._refusals.check(name)
        try:
            container = self._create(spec, index, image, template=template, name=name)
        except EngineRefused as exc:
            raise self._refusals.note(name, f"a container cannot be made: {exc.message}") from exc
        self._refuse_other(container, name)
        try:
            self._engine.start(container)
        except EngineRefused as exc:
            self._collect(ServerKey(spec.deployment_id, spec.generation), name)
            self._engine.remove(container)
            raise self._refusals.note(name, f"a container cannot be started: {exc.message}") from exc
        self._refusals.forget(name)

    def _create(self, spec: ServerSpec, index: int, image: EngineImage, *, template: str, name: str) -> str:
        """Its id. One at a time, so that no two choose the same ports."""
        with self._choosing_ports:
            ports = self._free_ports(has_grpc=image.has_grpc)
            labels = labels_of(
                spec,
                index,
                template,
                installation=self._installation(),
                target=self._target,
                host=str(self._options.publish_host),
                ports=ports,
            )
            labels[IMAGE] = _image_of(spec).reference if self._images.pulls else _image_of(spec).name
            limits = self._limits(spec)
            configuration = configuration_of(
                spec,
                limits=limits,
                options=self._options,
                ports=ports,
                user=image.user,
                labels=labels,
                arguments=self._arguments,
            )
            return self._engine.create(name, image.image_id, **configuration)

    def stop(self, replica: Replica) -> None:
        """SIGTERM; the server finishes what it has begun, and takes further ones as the first."""
        self._engine.stop(replica.name)

    def delete(self, replica: Replica) -> None:
        """Delete the container when its log is here, and its image when no container uses it any more."""
        self._collect(replica.key, replica.name)
        container = self._engine.inspect(replica.name)
        self._engine.remove(replica.name)
        image = None if container is None else container["Config"]["Labels"].get(IMAGE)
        if image is not None:
            self._images.drop(image)
        self._exits.pop(replica.name, None)

    def log_size(self, key: ServerKey) -> int:
        """Of what was collected, with what is new."""
        self._collect_all(key)
        return self._log(key).size()

    def read_log(self, key: ServerKey, offset: int) -> LogPart:
        """A part, with what is new."""
        self._collect_all(key)
        return self._log(key).read(offset)

    def clean(self, deployment_id: str) -> None:
        """Containers are all that is made for a deployment, and an image is shared."""
        self._refusals.forget(name_prefix(deployment_id))

    def _collect_all(self, key: ServerKey) -> None:
        """Where the engine is away, what was collected before is all that can be read."""
        wanted = {**self._own_labels(), DEPLOYMENT: key.deployment_id, GENERATION: str(key.generation)}
        try:
            for container in self._engine.listed(wanted):
                self._collect(key, container["Names"][0].removeprefix("/"))
        except Unavailable:
            return

    def _collect(self, key: ServerKey, name: str) -> None:
        log = self._log(key)
        container = self._engine.inspect(name)
        if container is not None:
            log.collect(container["Id"], self._lines(name, log.last(container["Id"])))

    def _lines(self, name: str, last: str) -> Iterator[tuple[str, bytes]]:
        since = None if not last else int(datetime.fromisoformat(last[:19]).replace(tzinfo=UTC).timestamp())
        for piece in self._engine.log(name, since):
            time, _, line = piece.partition(b" ")
            yield time.decode("ascii", "replace"), line

    def _log(self, key: ServerKey) -> CollectedLog:
        return CollectedLog(self._folder / key.deployment_id / f"log{generation_suffix(key.generation)}.log")

    def _free_ports(self, *, has_grpc: bool) -> PublishedPorts:
        """Ports that no container of ours has, and on this machine nobody else. Kept over restarts of the container, so
        that an address never becomes another model's."""
        options = self._options
        used = places_in_use(self._engine.listed({HTTP: None}))
        every = list(range(options.replica_port_first, options.replica_port_last + 1))
        start = random.randrange(len(every))  # noqa: S311  # Another engine's target may be choosing at the same time.
        candidates = (port for port in every[start:] + every[:start] if port not in used)
        free = (port for port in candidates if not options.publishes_here or is_free(str(options.publish_host), port))
        try:
            return PublishedPorts(next(free), next(free) if has_grpc else None)
        except StopIteration:
            raise Unavailable(
                f"every port for replicas ({every[0]} to {every[-1]}) is in use; the settings replica_port_first and "
                f"replica_port_last of the target '{self._target}' set a larger range",
                code="no_free_port",
            ) from None

    def _refuse_other(self, container: str, name: str) -> None:
        """A name says nothing of whose it is."""
        there = self._engine.inspect(container)
        labels = {} if there is None else there["Config"]["Labels"] or {}
        if any(labels.get(label) != value for label, value in self._own_labels().items()):
            raise Conflict(f"the container '{name}' in the engine is not ours", code="server_of_other_installation")

    def _own_labels(self) -> Mapping[str, str]:
        return {INSTALLATION: self._installation(), TARGET: self._target}

    def _limits(self, spec: ServerSpec) -> Limits:
        asked = spec.resources
        return Limits(asked.memory_bytes or self._memory_bytes, asked.cpu or self._options.cpu, asked.gpus)

    def _with_last_exit(self, replica: Replica) -> Replica:
        if replica.phase is not Phase.RUNNING and replica.last_exit is not None:
            self._exits[replica.name] = replica.last_exit
        known = self._exits.get(replica.name)
        return replace(replica, last_exit=known) if replica.restarts and known is not None else replica


def _image_of(spec: ServerSpec) -> ImageArtifact:
    if not isinstance(spec.artifact, ImageArtifact):
        raise Invalid("artifact: this target runs images, got a bundle", code="artifact_unsupported", field="artifact")
    return spec.artifact
