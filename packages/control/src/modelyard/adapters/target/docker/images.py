"""The images of servers in an engine: loaded from this machine, or pulled from their registry, in the background."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from modelyard.adapters.docker import EngineRefused
from modelyard.adapters.target.docker.engine import Engine
from modelyard.errors import Invalid, Unavailable
from modelyard.ports.target import ImageArchives, ImageArtifact

_AT_ONCE = 2
_WAIT_SECONDS = 3.0
_GRPC_PORT = "8081/tcp"
_ROOT = {"", "0", "root"}


@dataclass(frozen=True, slots=True)
class EngineImage:
    """An image that the engine has."""

    image_id: str
    """As the engine calls it."""
    user: str
    """Of its processes: not root."""
    has_grpc: bool


class EngineImages:
    """Fetches an image once, whoever asks. `archives` is None where the engine pulls."""

    def __init__(self, engine: Engine, archives: ImageArchives | None) -> None:
        self._engine = engine
        self._archives = archives
        self._lock = threading.Lock()
        self._fetches: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="images")

    @property
    def pulls(self) -> bool:
        """Whether the engine pulls them."""
        return self._archives is None

    def find(self, artifact: ImageArtifact) -> EngineImage | None:
        """The image, if the engine has exactly this one.

        Raises:
            Invalid: code `artifact_unsupported`: it would run as root.
        """
        digest = artifact.reference.rpartition("@")[2]
        for name in (artifact.image_id, artifact.reference, artifact.name):
            found = self._engine.image(name)
            if found is not None and found["Id"] in {artifact.image_id, digest}:
                return _engine_image(found, artifact)
        return None

    def ensure(self, artifact: ImageArtifact) -> EngineImage | None:
        """The image; None while it is fetched, for which this waits a moment.

        Raises:
            ArtifactAbsent: it is not on this machine.
            Unavailable: the last try has failed; the next call tries again.
        """
        found = self.find(artifact)
        if found is not None:
            return found
        with self._lock:
            fetch = self._fetches.get(artifact.reference)
            if fetch is None:
                fetch = self._fetches[artifact.reference] = self._pool.submit(self._fetch, artifact)
        wait([fetch], timeout=_WAIT_SECONDS)
        if not fetch.done():
            return None
        with self._lock:
            self._fetches.pop(artifact.reference, None)
        fetch.result()
        return self.find(artifact)

    def drop(self, artifact_name: str) -> None:
        """Take the name from the engine that `ensure` gave it; an image that has no other, and is not used, goes."""
        self._engine.untag_image(artifact_name)

    def close(self) -> None:
        """Begin no further fetch."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, artifact: ImageArtifact) -> None:
        try:
            if self._archives is None:
                self._engine.pull_image(artifact.reference)
            else:
                with self._archives.chunks(artifact) as archive:
                    self._engine.load_image(archive)
        except EngineRefused as exc:
            doing = "pulled" if self.pulls else "loaded"
            raise Unavailable(
                f"the image '{artifact.name}' cannot be {doing}: {exc.message}", code="image_unavailable"
            ) from exc


def _engine_image(image: Mapping[str, Any], artifact: ImageArtifact) -> EngineImage:
    user = image["Config"].get("User") or ""
    if user.partition(":")[0] in _ROOT:
        raise Invalid(
            f"artifact: expected an image whose user is not root, got '{artifact.name}'",
            code="artifact_unsupported",
            field="artifact",
        )
    return EngineImage(image["Id"], user, has_grpc=_GRPC_PORT in (image["Config"].get("ExposedPorts") or {}))
