"""The image of runs with one lock: a base, the environment of the lock, the run agent, and for notebooks what drives
them, in an environment of its own.

No model and no script is in it, so it is made once for each lock; its layers of packages are those of models' images.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain

from modelyard.adapters.runner.agent.exchange import AGENT_FOLDER, DRIVER_FOLDER, WORK_FOLDER
from modelyard.adapters.runner.agent.modules import agent_files
from modelyard.errors import Invalid, NotFound
from modelyard.oci.base.bases import Base
from modelyard.oci.blobs import BlobWriter
from modelyard.oci.composition import USER, compose_image
from modelyard.oci.content import REF_NAME, Descriptor
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layers import Layer, TarLayer
from modelyard.oci.layout import Layout
from modelyard.oci.layout_names import RUN_IMAGES
from modelyard.oci.tar_format import Entry, folder
from modelyard.oci.wheels.environment import environment_layers
from modelyard.oci.wheels.installation import ROOT
from modelyard.oci.wheels.source import WheelSource
from modelyard.oci.wheels.target import WheelTarget
from modelyard.ports.environments import Lock

AGENT_PORT = 8080
_OLDEST = (3, 11)
"""The Python that the agent runs on."""
_CREATED = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class RunImage:
    """An image that is in the layout."""

    descriptor: Descriptor

    @property
    def tag(self) -> str:
        """Names it by its content, so that an engine that has the tag has the image."""
        return self.descriptor.digest.hex[:32]


class RunImages:
    """The run images of one layout.

    Args:
        base: gives what they are built on; may fetch it.
        wheels: finds the packages of a lock.
        require_space: raises DiskFull when there is no space for so many bytes.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        base: Callable[[Callable[[str], None]], Base],
        wheels: WheelSource,
        require_space: Callable[[int], None],
    ) -> None:
        self.layout = layout
        self._base = base
        self._wheels = wheels
        self._cache = LayerCache.of(layout, require_space=require_space)
        self._agent = agent_files()
        self._agent_digest = _digest(self._agent)

    def find(self, lock_digest: str, driver_digest: str | None = None) -> RunImage | None:
        """The image of a lock, if it was built with this release's agent."""
        try:
            return RunImage(self.layout.find(self._name(lock_digest, driver_digest)))
        except NotFound:
            return None

    def all(self) -> list[RunImage]:
        """Those of all locks."""
        entries = self.layout.index().manifests
        return [RunImage(one) for one in entries if one.annotations.get(REF_NAME, "").startswith(RUN_IMAGES)]

    def ensure(self, lock: Lock, *, driver: Lock | None = None, log: Callable[[str], None]) -> RunImage:
        """The image of a lock on the present base; it is built if it is not here.

        Args:
            driver: the lock of what drives notebooks, for the same Python; None for an image of scripts.
            log: hears what is done.

        Raises:
            Conflict: code `image_base_missing`.
            Invalid: code `python_unsupported`, `wheel_missing` or `base_without_python`.
            Unavailable: the package index or the base's registry does not answer.
        """
        python = _checked_python(lock)
        base = self._base(log)
        driver_digest = None if driver is None else driver.digest
        if (known := self.find(lock.digest, driver_digest)) is not None and self._is_built_on(base, known):
            self.layout.note_used(known.descriptor)
            return known
        base.facts.interpreter(python)  # Raises where the base has none, before anything is fetched.
        log(f"building the image of runs with Python {python}")
        target = WheelTarget(base.config.platform, glibc=base.facts.glibc, python=python)
        interpreter = base.facts.interpreter(python)
        locks = {ROOT: lock} if driver is None else {ROOT: lock, DRIVER_FOLDER: driver}
        wheels = {root: self._wheels.wheels(each.text, target, log=log) for root, each in locks.items()}
        with self.layout.shared_lock():
            environments = (
                environment_layers(self._cache, found, python=python, interpreter=interpreter, root=root)
                for root, found in wheels.items()
            )
            layers = [*chain.from_iterable(environments), self._agent_layer()]
            image = compose_image(
                self.layout,
                name=self._name(lock.digest, driver_digest),
                base=base,
                layers=layers,
                run=_run(lock),
                annotations={},
                created=_CREATED,
            )
        self._remove_older()
        log(f"built the image of runs {image.descriptor.digest}")
        return RunImage(image.descriptor)

    def _is_built_on(self, base: Base, image: RunImage) -> bool:
        """Whether its first layers are those of the base: a base that was mended reaches the next run."""
        below = [layer.digest for layer in base.manifest.layers]
        return [layer.digest for layer in self.layout.manifest(image.descriptor).layers][: len(below)] == below

    def _remove_older(self) -> None:
        """Take run images with the agent of another release out of the layout's index."""
        own = self._agent_digest[:16]
        for entry in self.layout.index().manifests:
            name = entry.annotations.get(REF_NAME, "")
            if name.startswith(RUN_IMAGES) and not name.endswith(own):
                self.layout.remove(entry.digest, name=name)

    def _agent_layer(self) -> Layer:
        files = self._agent

        def write(writer: BlobWriter) -> Layer:
            layer = TarLayer(writer)
            for path, content in sorted(files.items(), key=lambda file: file[0].split("/")):
                layer.add(Entry(f"{AGENT_FOLDER}/{path}", size=len(content)), [content])
            layer.add(folder(WORK_FOLDER, mode=0o1777))  # What a new volume takes its owner and rights from.
            return layer.commit("run agent")

        size = sum(map(len, files.values()))
        return self._cache.layer(["run agent", WORK_FOLDER, self._agent_digest], write, size=size)

    def _name(self, lock_digest: str, driver_digest: str | None) -> str:
        driver = "" if driver_digest is None else f"-{driver_digest[:16]}"
        return f"{RUN_IMAGES}{lock_digest[:32]}{driver}-{self._agent_digest[:16]}"


def _run(lock: Lock) -> dict[str, object]:
    """How its containers are run."""
    return {
        "User": USER,
        "WorkingDir": f"/{WORK_FOLDER}",
        "Entrypoint": [f"/{ROOT}/bin/python", "-I", f"/{AGENT_FOLDER}"],
        "ExposedPorts": {f"{AGENT_PORT}/tcp": {}},
        "Labels": {"io.modelyard.run-image": lock.digest},
    }


def _digest(files: Mapping[str, bytes]) -> str:
    content = hashlib.sha256()
    for path, text in sorted(files.items()):
        content.update(path.encode() + b"\0" + hashlib.sha256(text).digest())
    return content.hexdigest()


def _checked_python(lock: Lock) -> str:
    """The minor version.

    Raises:
        Invalid: code `python_unsupported`.
    """
    major, minor = (int(part) for part in (lock.python or "3.0").split(".")[:2])
    if (major, minor) < _OLDEST:
        raise Invalid(
            f"requires_python: expected a Python from 3.11 for a run in a container, got {lock.python or 'none'}: run "
            "it with the local runner, or require another Python",
            code="python_unsupported",
            field="requires_python",
        )
    return f"{major}.{minor}"
