"""Builds the image of a bundle: a base's layers, the environment's, the bundle's, and how a container is run.

Nothing in an image depends on when or where it is built, so the same inputs are the same manifest digest everywhere.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name

from modelyard.oci.base.bases import Base
from modelyard.oci.bundle_layers import MODEL, BundleContent, Sink, bundle_layers
from modelyard.oci.composition import ANNOTATIONS, USER, BuiltImage, compose_image
from modelyard.oci.declarations import declared_by_author
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layers import Layer
from modelyard.oci.layout import Layout
from modelyard.oci.wheels.environment import LockedWheel, environment_layers
from modelyard.oci.wheels.installation import ROOT

HTTP_PORT, GRPC_PORT = 8080, 8081
_GRPC = {"hpack", "protobuf"}
"""The packages with which the model server speaks gRPC."""
_LABELS = "io.modelyard."


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


class ImageBuilder:
    """Builds images into a layout. Layers are cached and reused by later builds.

    `require_space` raises DiskFull when there is no space for so many bytes.
    """

    def __init__(self, layout: Layout, *, require_space: Callable[[int], None]) -> None:
        self._layout = layout
        self._cache = LayerCache.of(layout, require_space=require_space)

    def build(
        self,
        *,
        name: str,
        base: Base,
        python: str,
        wheels: Sequence[LockedWheel],
        bundle: BundleContent,
        metadata: ImageMetadata,
        sink: Sink = nullcontext,
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
            sink: takes the bytes of large layers of the bundle, where they are written.
            log: takes one line for each part.

        Raises:
            Invalid: code `base_without_python`, `wheel_invalid`, `wheel_changed`, `image_too_many_layers`.
            Conflict: code `artifact_changed`: the bundle's files are not what its manifest says.
            DiskFull: there is no space for a layer.
        """
        with self._layout.shared_lock():
            layers = self._build_layers(base, python, wheels, bundle, sink, log)
            annotations = _annotations(bundle, base, metadata)
            has_grpc = {canonicalize_name(wheel.name) for wheel in wheels} >= _GRPC
            image = compose_image(
                self._layout,
                name=name,
                base=base,
                layers=layers,
                run=_run(bundle, metadata, has_grpc=has_grpc),
                annotations=annotations,
                created=bundle.created,
            )
        log(f"built {name}@{image.descriptor.digest}")
        return image

    def _build_layers(
        self,
        base: Base,
        python: str,
        wheels: Sequence[LockedWheel],
        bundle: BundleContent,
        sink: Sink,
        log: Callable[[str], None],
    ) -> list[Layer]:
        """The layers of the environment and of the bundle. Raises as `build`."""
        minor = ".".join(python.split(".")[:2])
        interpreter = base.facts.interpreter(minor)
        log(f"environment: {len(wheels)} packages for {interpreter}")
        environment = environment_layers(self._cache, wheels, python=minor, interpreter=interpreter)
        log(f"model: {sum(file.size for file in bundle.files)} bytes in {len(bundle.files)} files")
        return [*environment, *bundle_layers(self._cache, bundle, sink=sink)]


def _annotations(bundle: BundleContent, base: Base, metadata: ImageMetadata) -> dict[str, str]:
    """The annotations that OCI defines. The base's source is omitted: an image is a function of the base's content."""
    declared = declared_by_author(bundle)
    texts = {
        "created": bundle.created,
        "title": bundle.model_name,
        "version": bundle.model_version,
        "description": metadata.description,
        "source": metadata.source or declared.get("source"),
        "revision": metadata.revision,
        "licenses": metadata.licenses or declared.get("licenses"),
        "base.digest": str(base.descriptor.digest),
    }
    return {f"{ANNOTATIONS}{name}": text for name, text in texts.items() if text is not None}


def _run(bundle: BundleContent, metadata: ImageMetadata, *, has_grpc: bool) -> Mapping[str, Any]:
    """How a container of a bundle's image is run."""
    ports = [HTTP_PORT, *([GRPC_PORT] if has_grpc else [])]
    grpc = ["--grpc-port", str(GRPC_PORT)] if has_grpc else []
    return {
        "User": USER,
        "WorkingDir": "/",
        "Entrypoint": [
            *(f"/{ROOT}/bin/modelyard-serve", f"/{MODEL}", "--host", "0.0.0.0"),  # noqa: S104  # A container's own.
            *("--port", str(HTTP_PORT), *grpc),
        ],
        "ExposedPorts": {f"{port}/tcp": {} for port in ports},
        "Labels": {**_labels(bundle, has_grpc=has_grpc), **metadata.labels},
    }


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
