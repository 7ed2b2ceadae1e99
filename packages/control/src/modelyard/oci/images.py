"""Builds the image of a bundle: a base's layers, the environment's, the bundle's, and how a container is run.

Nothing in an image depends on when or where it is built, so the same inputs are the same manifest digest everywhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from packaging.utils import canonicalize_name

from modelyard.errors import Invalid
from modelyard.oci.base.bases import Base
from modelyard.oci.base.root_file_system import PATH
from modelyard.oci.bundle_layers import MODEL, BundleContent, bundle_layers
from modelyard.oci.content import AS_OCI, CONFIG, MANIFEST, Descriptor, Manifest
from modelyard.oci.image_config import ImageConfig
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layers import Layer
from modelyard.oci.layout import Layout
from modelyard.oci.wheels.environment import LockedWheel, environment_layers
from modelyard.oci.wheels.installation import ROOT

HTTP_PORT, GRPC_PORT = 8080, 8081
USER = "65532:65532"
"""Numbers, since Kubernetes cannot see of a name that it is not root."""
MAX_LAYERS = 127
"""What overlay file systems stack, less the container's own layer."""
_GRPC = {"hpack", "protobuf"}
"""The packages with which the model server speaks gRPC."""
_OF_BASE = ("Entrypoint", "Cmd", "Healthcheck", "ExposedPorts", "Volumes", "User", "WorkingDir", "Env", "Labels")
_PREFIX = "org.opencontainers.image."
_LABELS = "io.modelyard."
_LAYERS = ".layers"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image says of its version besides what the bundle says; what is None is not written."""

    source: str | None = None
    """Where the code is that trained it."""
    revision: str | None = None
    """Of that code."""
    licenses: str | None = None
    """An SPDX expression, of the model."""
    description: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """More labels, under names of the caller's."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image whose blobs are all in the layout."""

    descriptor: Descriptor
    manifest: Manifest
    layers: Sequence[Layer]
    """Those that are not the base's."""

    @property
    def size(self) -> int:
        """Bytes of all that a registry keeps of it."""
        return self.descriptor.size + sum(blob.size for blob in self.manifest.blobs)


class ImageBuilder:
    """Builds images into a layout. What was made for one image is used for the next.

    `require_space` raises DiskFull when there is no space for so many bytes.
    """

    def __init__(self, layout: Layout, *, require_space: Callable[[int], None]) -> None:
        self._layout = layout
        self._cache = LayerCache(layout.root / _LAYERS, layout.blobs, require_space=require_space)

    def build(
        self,
        *,
        name: str,
        base: Base,
        python: str,
        wheels: Sequence[LockedWheel],
        bundle: BundleContent,
        facts: ImageFacts,
        log: Callable[[str], None] = lambda _: None,
    ) -> BuiltImage:
        """Build the image of a bundle and name it in the layout. A build that was cut off is gone on with.

        Args:
            name: what the layout names it, `my-model-v1`.
            base: its image is in the layout already.
            python: the Python that the lock is for.
            wheels: all packages of the lock, the model server among them.
            bundle: of the version.
            facts: what the image says besides.
            log: takes one line for each part.

        Raises:
            Invalid: code `base_without_python`, `wheel_invalid`, `wheel_changed`, `image_too_many_layers`.
            Conflict: code `artifact_changed`: the bundle's files are not what its manifest says.
            DiskFull: there is no space for a layer.
        """
        minor = ".".join(python.split(".")[:2])
        interpreter = base.facts.interpreter(minor)
        with self._layout.in_use():
            log(f"environment: {len(wheels)} packages for {interpreter}")
            environment = environment_layers(self._cache, wheels, python=minor, interpreter=interpreter)
            log(f"model: {sum(file.size for file in bundle.files)} bytes in {len(bundle.files)} files")
            layers = [*environment, *bundle_layers(self._cache, bundle)]
            if len(layers) + len(base.manifest.layers) > MAX_LAYERS:
                raise Invalid(
                    f"image: expected at most {MAX_LAYERS} layers, got {len(base.manifest.layers)} of the base and "
                    f"{len(layers)} more",
                    code="image_too_many_layers",
                )
            annotations = _annotations(bundle, base, facts)
            has_grpc = {canonicalize_name(wheel.name) for wheel in wheels} >= _GRPC
            config = _config(base, layers, annotations, bundle=bundle, facts=facts, has_grpc=has_grpc)
            manifest = Manifest(
                config=self._layout.blobs.add(config.content(), CONFIG),
                layers=(*map(_of_oci, base.manifest.layers), *(layer.descriptor for layer in layers)),
                annotations=annotations,
            )
            written = self._layout.blobs.add(manifest.content(), MANIFEST)
            descriptor = self._layout.put(replace(written, platform=config.platform), name=name)
        log(f"built {name}@{descriptor.digest}")
        return BuiltImage(descriptor, manifest, layers)


def _annotations(bundle: BundleContent, base: Base, facts: ImageFacts) -> dict[str, str]:
    """What the specification has names for. Where the base was fetched from is not said, since it is no part of it."""
    said = {
        "created": bundle.created,
        "title": bundle.model_name,
        "version": bundle.model_version,
        "description": facts.description,
        "source": facts.source,
        "revision": facts.revision,
        "licenses": facts.licenses,
        "base.digest": str(base.descriptor.digest),
    }
    return {f"{_PREFIX}{name}": text for name, text in said.items() if text is not None}


def _config(
    base: Base,
    layers: Sequence[Layer],
    annotations: Mapping[str, str],
    *,
    bundle: BundleContent,
    facts: ImageFacts,
    has_grpc: bool,
) -> ImageConfig:
    ports = [HTTP_PORT, *([GRPC_PORT] if has_grpc else [])]
    grpc = ["--grpc-port", str(GRPC_PORT)] if has_grpc else []
    run: dict[str, Any] = {name: value for name, value in base.config.run.items() if name not in _OF_BASE}
    run |= {
        "User": USER,
        "WorkingDir": "/",
        "Env": [f"{name}={value}" for name, value in sorted(_environment(base).items())],
        "Entrypoint": [
            *(f"/{ROOT}/bin/modelyard-serve", f"/{MODEL}", "--host", "0.0.0.0"),  # noqa: S104  # A container's own.
            *("--port", str(HTTP_PORT), *grpc),
        ],
        "ExposedPorts": {f"{port}/tcp": {} for port in ports},
        "Labels": {
            **_base_labels(base),
            **annotations,
            **_labels(bundle, has_grpc=has_grpc),
            **facts.labels,
        },
    }
    return ImageConfig(
        platform=base.config.platform,
        diff_ids=(*base.config.diff_ids, *(layer.diff_id for layer in layers)),
        run=run,
        created=bundle.created,
        history=(
            *_base_history(base),
            *({"created": bundle.created, "created_by": "modelyard", "comment": layer.comment} for layer in layers),
        ),
    )


def _environment(base: Base) -> dict[str, str]:
    """The base's variables, ours over them. On a read-only root file system `/dev/shm` is what every engine leaves
    writable, though small; compiled modules are kept where a target gives a `/tmp`, and nowhere else."""
    path = base.config.environment.get("PATH", PATH)
    return {
        **base.config.environment,
        "PATH": f"/{ROOT}/bin:{path}",
        "VIRTUAL_ENV": f"/{ROOT}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPYCACHEPREFIX": "/tmp/pycache",  # noqa: S108  # The container's own.
        "HOME": "/dev/shm",  # noqa: S108  # As above.
        "TMPDIR": "/dev/shm",  # noqa: S108  # As above.
    }


def _base_labels(base: Base) -> dict[str, str]:
    """The base's labels, but for those by which it describes itself."""
    labels = base.config.run.get("Labels") or {}
    return {name: text for name, text in labels.items() if not name.startswith(_PREFIX)}


def _base_history(base: Base) -> Sequence[Mapping[str, Any]]:
    """One entry for each layer of the base; where its own are not that, what can be said."""
    made = [entry for entry in base.config.history if not entry.get("empty_layer")]
    if len(made) == len(base.config.diff_ids):
        return base.config.history
    return [{"comment": "base"} for _ in base.config.diff_ids]


def _labels(bundle: BundleContent, *, has_grpc: bool) -> dict[str, str]:
    """What a target asks of an image: whose it is, and where it is asked for its health."""
    return {
        f"{_LABELS}model": bundle.model_name,
        f"{_LABELS}version": bundle.model_version,
        f"{_LABELS}bundle": f"sha256:{bundle.manifest_digest}",
        f"{_LABELS}health.live": "/v2/health/live",
        f"{_LABELS}health.ready": "/v2/health/ready",
        f"{_LABELS}metrics": "/metrics",
        f"{_LABELS}port.http": str(HTTP_PORT),
        **({f"{_LABELS}port.grpc": str(GRPC_PORT)} if has_grpc else {}),
    }


def _of_oci(layer: Descriptor) -> Descriptor:
    """A layer of the base under OCI's name for what it is; its own annotations are not ours to repeat."""
    return Descriptor(AS_OCI.get(layer.media_type, layer.media_type), layer.digest, layer.size)
