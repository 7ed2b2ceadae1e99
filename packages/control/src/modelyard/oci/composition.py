"""Puts an image together: a base, layers above it, and how a container is run.

Nothing in it depends on when or where that is done, so the same inputs are the same manifest digest everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from modelyard.errors import Invalid
from modelyard.oci.base.bases import Base
from modelyard.oci.base.root_file_system import PATH
from modelyard.oci.content import AS_OCI, CONFIG, MANIFEST, Descriptor, ImageManifest
from modelyard.oci.image_config import ImageConfig
from modelyard.oci.layers import Layer
from modelyard.oci.layout import Layout
from modelyard.oci.wheels.installation import ROOT

USER = "65532:65532"
"""Numeric: Kubernetes' `runAsNonRoot` needs a numeric user."""
MAX_LAYERS = 127
"""overlayfs' limit minus the container layer."""
ANNOTATIONS = "org.opencontainers.image."
"""How the names of annotations that OCI defines begin."""
_OVERRIDDEN_CONFIG_KEYS = (
    *("Entrypoint", "Cmd", "Healthcheck", "ExposedPorts", "Volumes"),
    *("User", "WorkingDir", "Env", "Labels"),
)


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


def compose_image(
    layout: Layout,
    *,
    name: str,
    base: Base,
    layers: Sequence[Layer],
    run: Mapping[str, Any],
    annotations: Mapping[str, str],
    created: str,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> BuiltImage:
    """Write the image's documents into the layout, which has the layers, and name it there.

    Args:
        run: of its configuration, as the specification names the fields; labels of the base and annotations are added,
            and the variables of an environment.
        environment: variables in place of ours and of the base's.

    Raises:
        Invalid: code `image_too_many_layers`.
    """
    if len(layers) + len(base.manifest.layers) > MAX_LAYERS:
        raise Invalid(
            f"image: expected at most {MAX_LAYERS} layers, got {len(base.manifest.layers)} of the base and "
            f"{len(layers)} more",
            code="image_too_many_layers",
        )
    config = _config(base, layers, run, annotations=annotations, created=created, environment=environment)
    manifest = ImageManifest(
        config=layout.blobs.add(config.to_bytes(), CONFIG),
        layers=(*map(_as_oci, base.manifest.layers), *(layer.descriptor for layer in layers)),
        annotations=annotations,
    )
    written = layout.blobs.add(manifest.to_bytes(), MANIFEST)
    descriptor = layout.put(replace(written, platform=config.platform), name=name)
    return BuiltImage(descriptor, manifest, layers)


def _config(
    base: Base,
    layers: Sequence[Layer],
    run: Mapping[str, Any],
    *,
    annotations: Mapping[str, str],
    created: str,
    environment: Mapping[str, str],
) -> ImageConfig:
    kept = {name: value for name, value in base.config.run.items() if name not in _OVERRIDDEN_CONFIG_KEYS}
    own = {
        "Env": [f"{name}={value}" for name, value in sorted({**_environment(base), **environment}.items())],
        "Labels": {**_base_labels(base), **annotations, **run["Labels"]},
    }
    return ImageConfig(
        platform=base.config.platform,
        diff_ids=(*base.config.diff_ids, *(layer.diff_id for layer in layers)),
        run={**kept, **run, **own},
        created=created,
        history=(
            *_base_history(base),
            *({"created": created, "created_by": "modelyard", "comment": layer.comment} for layer in layers),
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
    return {name: text for name, text in labels.items() if not name.startswith(ANNOTATIONS)}


def _base_history(base: Base) -> Sequence[Mapping[str, Any]]:
    """The base's history if it has an entry for each layer, else placeholders."""
    made = [entry for entry in base.config.history if not entry.get("empty_layer")]
    if len(made) == len(base.config.diff_ids):
        return base.config.history
    return [{"comment": "base"} for _ in base.config.diff_ids]


def _as_oci(layer: Descriptor) -> Descriptor:
    """A layer of the base with OCI's media type and without annotations."""
    return Descriptor(AS_OCI.get(layer.media_type, layer.media_type), layer.digest, layer.size)
