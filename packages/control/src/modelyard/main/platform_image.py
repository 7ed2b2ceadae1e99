"""The image of Modelyard itself, for servers and clusters: made by the same writer as the images of models.

What is installed here is in it: the same version of our distributions and, below them, what their requirements resolve
to. Installed for development, they are built as wheels, which the image keeps for the environments of models.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modelyard.adapters.environments.server_distribution import ServerDistribution, ServerRequirement, editable_source
from modelyard.adapters.environments.uv_command import Uv, UvFailure
from modelyard.adapters.wheels.uv import UvWheels
from modelyard.errors import Invalid, Unavailable
from modelyard.home import Home
from modelyard.main.image_sources import bases_of, registries_of
from modelyard.oci.base.bases import Base
from modelyard.oci.blobs import BlobWriter
from modelyard.oci.composition import ANNOTATIONS, USER, BuiltImage, compose_image
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layers import Layer, TarLayer
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Reference
from modelyard.oci.registry.push import push_image
from modelyard.oci.supply_chain import attach
from modelyard.oci.supply_chain.sbom import CYCLONEDX, packages_inventory
from modelyard.oci.tar_format import Entry, Kind, folder
from modelyard.oci.wheels.environment import OURS, LockedWheel, environment_layers
from modelyard.oci.wheels.installation import ROOT
from modelyard.oci.wheels.target import WheelTarget
from modelyard.scratch import Scratch
from modelyard.settings import Settings

LogLine = Callable[[str], None]
STATE = "var/lib/modelyard"
"""Where a container's home is: a volume."""
_EXTRAS = ("azure", "kubernetes", "s3")
_WHEELS = f"{ROOT}/wheels"
_PORT = 8000
_PREFIX = "platform/"
"""How its names in the layout begin: the sweep of images of versions leaves them."""
_CREATED = "1970-01-01T00:00:00Z"
_RUN = {
    "User": USER,
    "WorkingDir": f"/{STATE}",
    "Entrypoint": [f"/{ROOT}/bin/python", "-P", "-m", "modelyard"],
    "ExposedPorts": {f"{_PORT}/tcp": {}},
    "Volumes": {f"/{STATE}": {}},
    "Labels": {"io.modelyard.platform": "control-plane"},
}
"""How its containers are run."""


@dataclass(frozen=True, slots=True)
class _Distributions:
    """What the image installs, and the wheels of ours that no index has."""

    requirements: Sequence[str]
    folders: Sequence[Path]


class PlatformImages:
    """Builds the image into the layout of this home, and pushes it."""

    def __init__(self, settings: Settings, *, environment: Mapping[str, str] = os.environ) -> None:
        self._home: Home = settings.storage.places
        self._home.make()
        self._uv = Uv(environment=environment, folder=self._home.environments)
        self._wheels = UvWheels(home=self._home, folder=self._home.wheelhouse, environment=environment)
        self.layout = Layout(self._home.images)
        self._registries = registries_of(settings.images)
        require_space = partial(settings.storage.disk.require, what="the platform's image")
        self.bases = bases_of(settings.images, self.layout, self._registries, require_space=require_space)
        self._cache = LayerCache.of(self.layout, require_space=require_space)

    def build(self, name: str, *, version: str, log: LogLine) -> BuiltImage:
        """Build the image of this release.

        Args:
            name: a reference with a tag.
            version: of this release.

        Raises:
            Invalid: code `wheel_missing`, `base_without_python` or `requirements_unresolvable`.
            Conflict: code `image_base_missing`.
            Unavailable: the package index or a registry does not answer.
            DiskFull: there is no space for a layer.
        """
        base = self.bases.open(log=log)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        base.facts.interpreter(python)  # Raises where the base has none, before anything is fetched.
        ours = self._distributions(log)
        lock = self._lock(ours, python, log)
        target = WheelTarget(base.config.platform, glibc=base.facts.glibc, python=python)
        wheels = self._wheels.wheels(lock, target, log=log)
        with self.layout.shared_lock():
            image = compose_image(
                self.layout,
                name=f"{_PREFIX}{name}",
                base=base,
                layers=self._layers(base, python, wheels, ours),
                run=_RUN,
                environment=_environment(has_wheels=bool(ours.folders)),
                annotations={f"{ANNOTATIONS}title": "modelyard", f"{ANNOTATIONS}version": version},
                created=_CREATED,
            )
            attach(
                self.layout,
                image.descriptor,
                packages_inventory(
                    image.descriptor, base=base.descriptor, wheels=wheels, name="modelyard", created=_CREATED
                ),
                artifact_type=CYCLONEDX,
                title="sbom.cdx.json",
                created=_CREATED,
            )
        log(f"built {name}@{image.descriptor.digest}")
        return image

    def push(self, image: BuiltImage, reference: Reference, *, log: LogLine) -> None:
        """Push the image with its inventory, the tag last.

        Raises:
            Unavailable, Invalid, Conflict, NotFound: as the registry answers.
        """
        with self._registries.open(reference.repository.host) as registry:
            pushed = push_image(self.layout, image.descriptor, reference, registry, mount_from=[], log=log)
        log(f"sent {pushed.sent} bytes; {pushed.present} were there already")

    def close(self) -> None:
        """Give back the layout."""
        self.layout.close()

    def _distributions(self, log: LogLine) -> _Distributions:
        found = {name: self._distribution(name, log) for name in sorted(OURS)}
        folders = [each.wheel_folder for each in found.values() if each.wheel_folder is not None]
        return _Distributions([found["modelyard"].requirement, found["modelyard-client"].requirement], folders)

    def _distribution(self, name: str, log: LogLine) -> ServerRequirement:
        distribution = ServerDistribution(
            uv=self._uv,
            wheels=self._home.wheels,
            scratch=self._home.scratch,
            source=editable_source(name),
            name=name,
        )
        try:
            return distribution.requirement(_EXTRAS if name == "modelyard" else (), log=log)
        except UvFailure as failure:
            raise Invalid(f"{name} does not build: {failure.reason}", code="requirements_unresolvable") from failure

    def _lock(self, ours: _Distributions, python: str, log: LogLine) -> str:
        """Exact versions with hashes of all that is installed."""
        with closing(Scratch(self._home.scratch)) as scratch:
            wanted, resolved = scratch.folder / "wanted.in", scratch.folder / "resolved.txt"
            wanted.write_text("\n".join(ours.requirements))
            options = ["--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
            options += [
                "--python",
                sys.executable,
                "--python-version",
                python,
                "--output-file",
                str(resolved),
                str(wanted),
            ]
            try:
                self._uv.run("pip", "compile", *options, log=log, find_links=ours.folders, inherited=[scratch.held])
            except UvFailure as failure:
                if failure.is_unreachable:
                    raise Unavailable(
                        f"The package index does not answer: {failure.reason}.", code="package_index_unavailable"
                    ) from failure
                raise Invalid(
                    f"The requirements cannot be met: {failure.reason}.", code="requirements_unresolvable"
                ) from failure
            return resolved.read_text()

    def _layers(self, base: Base, python: str, wheels: Sequence[LockedWheel], ours: _Distributions) -> list[Layer]:
        interpreter = base.facts.interpreter(python)
        layers = environment_layers(self._cache, wheels, python=python, interpreter=interpreter)
        files = sorted(path for place in ours.folders for path in place.glob("*.whl"))
        return [*layers, *([self._wheel_layer(files)] if files else []), self._state_layer()]

    def _wheel_layer(self, files: Sequence[Path]) -> Layer:
        """Wheels of ours that the environments of models install, where no index has them."""
        contents = {path.name: path.read_bytes() for path in files}

        def write(writer: BlobWriter) -> Layer:
            layer = TarLayer(writer)
            layer.add(folder(_WHEELS))
            for name, content in contents.items():
                layer.add(Entry(f"{_WHEELS}/{name}", size=len(content)), [content])
            return layer.commit("wheels of modelyard")

        sizes = {name: len(content) for name, content in contents.items()}
        digests = [str(path.parent.name) for path in files]
        return self._cache.layer(["platform wheels", _WHEELS, sizes, digests], write, size=sum(sizes.values()))

    def _state_layer(self) -> Layer:
        """The home, so that a new volume has its owner."""

        def write(writer: BlobWriter) -> Layer:
            layer = TarLayer(writer)
            owner = int(USER.partition(":")[0])
            layer.add(Entry(STATE, kind=Kind.FOLDER, mode=0o700, uid=owner, gid=owner))
            return layer.commit("home")

        return self._cache.layer(["platform home", STATE], write, size=0)


def _environment(*, has_wheels: bool) -> dict[str, str]:
    """The variables of its containers."""
    settings = {"MODELYARD_HOME": f"/{STATE}", "MODELYARD_HOST": "0.0.0.0", "MODELYARD_PORT": str(_PORT)}  # noqa: S104
    python = {"HOME": f"/{STATE}", "PYTHONPYCACHEPREFIX": f"/{STATE}/pycache"}
    return {**settings, **python, **({"UV_FIND_LINKS": f"/{_WHEELS}"} if has_wheels else {})}
