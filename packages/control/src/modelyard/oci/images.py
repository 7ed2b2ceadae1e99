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
from modelyard.oci.content import AS_OCI, CONFIG, MANIFEST, Descriptor, ImageManifest
from modelyard.oci.image_config import ImageConfig
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layers import Layer
from modelyard.oci.layout import Layout
from modelyard.oci.wheels.environment import LockedWheel, environment_layers
from modelyard.oci.wheels.installation import ROOT

HTTP_PORT, GRPC_PORT = 8080, 8081
USER = "65532:65532"
"""Numeric: Kubernetes' `runAsNonRoot` needs a numeric user."""
MAX_LAYERS = 127
"""overlayfs' limit minus the container layer."""
_GRPC = {"hpack", "protobuf"}
"""The packages with which the model server speaks gRPC."""
_OVERRIDDEN_CONFIG_KEYS = (
    *("Entrypoint", "Cmd", "Healthcheck", "ExposedPorts", "Volumes"),
    *("User", "WorkingDir", "Env", "Labels"),
)
_PREFIX = "org.opencontainers.image."
_LABELS = "io.modelyard."
_LAYERS = ".layers"


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """Optional OCI annotations and labels; None is omitted."""

    source: str | None = None
    """URL of the training code."""
    revision: str | None = None
    """Revision of that code."""
    licenses: str | None = None
    """SPDX expression of the model's licence."""
    description: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Additional labels."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image whose blobs are all in the layout."""

    descriptor: Descriptor
    manifest: ImageManifest
    layers: Sequence[Layer]
    """The layers above the base's."""

    @property
    def size(self) -> int:
        """Bytes of all that a registry keeps of it."""
        return self.descriptor.size + sum(blob.size for blob in self.manifest.blobs)


class ImageBuilder:
    """Builds images into a layout. Layers are cached and reused by later builds.

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
        metadata: ImageMetadata,
        log: Callable[[str], None] = lambda _: None,
    ) -> BuiltImage:
        """Build the image of a bundle and name it in the layout. An interrupted build is resumed.

        Args:
            name: what the layout names it, `my-model-v1`.
            base: its image is in the layout already.
            python: the Python that the lock is for.
            wheels: all packages of the lock, the model server among them.
            bundle: of the version.
            metadata: optional annotations and labels.
            log: takes one line for each part.

        Raises:
            Invalid: code `base_without_python`, `wheel_invalid`, `wheel_changed`, `image_too_many_layers`.
            Conflict: code `artifact_changed`: the bundle's files are not what its manifest says.
            DiskFull: there is no space for a layer.
        """
        with self._layout.shared_lock():
            layers = self._build_layers(base, python, wheels, bundle, log)
            annotations = _annotations(bundle, base, metadata)
            has_grpc = {canonicalize_name(wheel.name) for wheel in wheels} >= _GRPC
            config = _config(base, layers, annotations, bundle=bundle, metadata=metadata, has_grpc=has_grpc)
            manifest = ImageManifest(
                config=self._layout.blobs.add(config.to_bytes(), CONFIG),
                layers=(*map(_as_oci, base.manifest.layers), *(layer.descriptor for layer in layers)),
                annotations=annotations,
            )
            written = self._layout.blobs.add(manifest.to_bytes(), MANIFEST)
            descriptor = self._layout.put(replace(written, platform=config.platform), name=name)
        log(f"built {name}@{descriptor.digest}")
        return BuiltImage(descriptor, manifest, layers)

    def _build_layers(
        self,
        base: Base,
        python: str,
        wheels: Sequence[LockedWheel],
        bundle: BundleContent,
        log: Callable[[str], None],
    ) -> list[Layer]:
        """The layers of the environment and of the bundle. Raises as `build`."""
        minor = ".".join(python.split(".")[:2])
        interpreter = base.facts.interpreter(minor)
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
        return layers


def _annotations(bundle: BundleContent, base: Base, metadata: ImageMetadata) -> dict[str, str]:
    """The annotations that OCI defines. The base's source is omitted: an image is a function of the base's content."""
    texts = {
        "created": bundle.created,
        "title": bundle.model_name,
        "version": bundle.model_version,
        "description": metadata.description,
        "source": metadata.source,
        "revision": metadata.revision,
        "licenses": metadata.licenses,
        "base.digest": str(base.descriptor.digest),
    }
    return {f"{_PREFIX}{name}": text for name, text in texts.items() if text is not None}


def _config(
    base: Base,
    layers: Sequence[Layer],
    annotations: Mapping[str, str],
    *,
    bundle: BundleContent,
    metadata: ImageMetadata,
    has_grpc: bool,
) -> ImageConfig:
    ports = [HTTP_PORT, *([GRPC_PORT] if has_grpc else [])]
    grpc = ["--grpc-port", str(GRPC_PORT)] if has_grpc else []
    run: dict[str, Any] = {
        name: value for name, value in base.config.run.items() if name not in _OVERRIDDEN_CONFIG_KEYS
    }
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
            **metadata.labels,
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
    """The base's labels except OCI's, which describe the base itself."""
    labels = base.config.run.get("Labels") or {}
    return {name: text for name, text in labels.items() if not name.startswith(_PREFIX)}


def _base_history(base: Base) -> Sequence[Mapping[str, Any]]:
    """The base's history if it has an entry for each layer, else placeholders."""
    made = [entry for entry in base.config.history if not entry.get("empty_layer")]
    if len(made) == len(base.config.diff_ids):
        return base.config.history
    return [{"comment": "base"} for _ in base.config.diff_ids]


def _labels(bundle: BundleContent, *, has_grpc: bool) -> dict[str, str]:
    """Labels for deployment targets: the version, health paths and ports."""
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


def _as_oci(layer: Descriptor) -> Descriptor:
    """A layer of the base with OCI's media type and without annotations."""
    return Descriptor(AS_OCI.get(layer.media_type, layer.media_type), layer.digest, layer.size)
