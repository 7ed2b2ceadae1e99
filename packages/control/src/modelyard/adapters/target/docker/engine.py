"""A Docker engine, as far as the target needs it. Translates the errors of the library."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from docker.errors import NotFound

from modelyard.adapters.docker import DockerEngine, EngineOptions, EngineRefused, TlsFiles
from modelyard.adapters.target.docker.containers import ASKED_TO_END
from modelyard.adapters.target.docker.options import DockerOptions

T = TypeVar("T")
Inspected = Mapping[str, Any]

_ANSWER_SECONDS = 10
_TRANSFER_SECONDS = 600
"""Between two pieces of an image that is loaded or pulled."""


class Engine:
    """Calls raise EngineAway when it does not answer, and EngineRefused when it refuses.

    Args:
        name: of the target.
    """

    def __init__(self, name: str, options: DockerOptions) -> None:
        tls = None if options.tls is None else TlsFiles(**dict(options.tls))
        place = EngineOptions(options.engine, tls)
        self._asked = DockerEngine(name, place, answer_seconds=_ANSWER_SECONDS)
        self._transferring = DockerEngine(name, place, answer_seconds=_TRANSFER_SECONDS)

    def containers(self, labels: Mapping[str, str | None]) -> Sequence[Inspected]:
        """Those that have these labels (None: with any value), running or not, as `docker inspect` has them."""
        found = (self.inspect(one["Id"]) for one in self.listed(labels))
        return [one for one in found if one is not None]

    def listed(self, labels: Mapping[str, str | None]) -> Sequence[Inspected]:
        """The same, as `docker ps` has them."""
        wanted = [name if value is None else f"{name}={value}" for name, value in labels.items()]
        return list(self._call(lambda api: api.containers(all=True, filters={"label": wanted})))

    def inspect(self, container: str) -> Inspected | None:
        """One container; None when it is not there."""
        with suppress(NotFound):
            return dict(self._call(lambda api: api.inspect_container(container)))
        return None

    def create(self, name: str, image: str, **configuration: Any) -> str:
        """Its id; that of the one of this name, if there is one."""

        def create_new(api: Any) -> str:
            host = api.create_host_config(**configuration.pop("host_config"))
            return str(api.create_container(image, name=name, host_config=host, **configuration)["Id"])

        there = self.inspect(name)
        return str(there["Id"]) if there is not None else self._call(create_new)

    def start(self, container: str) -> None:
        """Start it; one that runs stays as it is."""
        self._call(lambda api: api.start(container))

    def stop(self, container: str) -> None:
        """SIGTERM, and no further start. One that is not there or has ended: nothing to do."""
        with suppress(NotFound, EngineRefused):
            self._call(lambda api: api.update_container(container, restart_policy={"Name": ASKED_TO_END}))
            self._call(lambda api: api.kill(container, signal="SIGTERM"))

    def remove(self, container: str) -> None:
        """Delete it with its anonymous volumes, also while it runs. One that is not there: nothing to do."""
        with suppress(NotFound):
            self._call(lambda api: api.remove_container(container, force=True, v=True))

    def log(self, container: str, since: int | None) -> Iterator[bytes]:
        """What it wrote since then (seconds of the epoch): a piece for each line, which its time stands before."""
        with self._asked.translated(), suppress(NotFound):
            yield from self._asked.api.logs(container, stream=True, follow=False, timestamps=True, since=since)

    def image(self, name: str) -> Inspected | None:
        """An image by id, tag or digest; None when it is not there."""
        with suppress(NotFound):
            return dict(self._call(lambda api: api.inspect_image(name)))
        return None

    def load_image(self, archive: Iterator[bytes]) -> None:
        """Load an archive of `docker save`."""
        self._transferring.transfer(lambda api: api.load_image(archive, quiet=True))

    def pull_image(self, reference: str) -> None:
        """Pull it from its registry, with the credentials of this process's Docker configuration."""
        self._transferring.transfer(lambda api: api.pull(reference, stream=True, decode=True))

    def untag_image(self, name: str) -> None:
        """Take one name from an image, which is deleted with its last. In use, or not there: nothing to do."""
        with suppress(NotFound, EngineRefused):
            self._call(lambda api: api.remove_image(name))

    def close(self) -> None:
        """Close the connections."""
        self._asked.close()
        self._transferring.close()

    def _call(self, ask: Callable[[Any], T]) -> T:
        """Raises NotFound besides, for what is not there."""
        with self._asked.translated():
            return ask(self._asked.api)
