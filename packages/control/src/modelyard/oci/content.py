"""The documents of the OCI image specification 1.1: digests, descriptors, manifests and indexes. Pure.

Documents of others are read strictly (`parse` raises Invalid). `to_bytes` is canonical: the same content gives the same
bytes, and so the same digest, on every machine.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.errors import Invalid
from modelyard.oci.strict_json import (
    canonical_json,
    invalid_document,
    parse_object,
    require_object,
    require_string_map,
    without_empty,
)

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

MANIFESTS = (MANIFEST, DOCKER_MANIFEST)
INDEXES = (INDEX, DOCKER_INDEX)
AS_OCI = {
    DOCKER_MANIFEST: MANIFEST,
    DOCKER_INDEX: INDEX,
    DOCKER_CONFIG: CONFIG,
    DOCKER_LAYER_GZIP: LAYER_GZIP,
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
}
"""Docker's media types, and those of OCI for the same bytes."""

REF_NAME = "org.opencontainers.image.ref.name"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_SHOWN = 100


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A content digest: `sha256:<64 hexadecimal digits>`. Other algorithms are refused; no registry needs them."""

    text: str

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.text):
            raise Invalid(
                f"digest: expected sha256: and 64 hexadecimal digits, got {self.text[:_SHOWN]!r}", code="digest_invalid"
            )

    @classmethod
    def of(cls, content: bytes) -> "Digest":
        """The digest of these bytes."""
        return cls(f"sha256:{hashlib.sha256(content).hexdigest()}")

    @property
    def hex(self) -> str:
        """Without the algorithm."""
        return self.text.removeprefix("sha256:")

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Platform:
    """The machine that an image is for, as GOOS/GOARCH values (`linux`, `amd64`)."""

    architecture: str
    os: str = "linux"
    variant: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Its JSON object."""
        return without_empty({"architecture": self.architecture, "os": self.os, "variant": self.variant})

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Refers to content by its media type, digest and size in bytes."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    artifact_type: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Its JSON object."""
        return without_empty(
            {
                "mediaType": self.media_type,
                "digest": str(self.digest),
                "size": self.size,
                "annotations": dict(self.annotations),
                "platform": None if self.platform is None else self.platform.to_dict(),
                "artifactType": self.artifact_type,
            }
        )

    @classmethod
    def from_dict(cls, value: object, where: str) -> "Descriptor":
        """The descriptor at `where` of a document.

        Raises:
            Invalid: code `oci_document_invalid`.
        """
        document = require_object(value, where)
        size = document.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise invalid_document(f"{where}.size", "a number of bytes", size)
        return cls(
            media_type=_media_type(document.get("mediaType"), f"{where}.mediaType"),
            digest=read_digest(document.get("digest"), f"{where}.digest"),
            size=size,
            annotations=require_string_map(document.get("annotations"), f"{where}.annotations"),
            platform=read_platform(document.get("platform"), f"{where}.platform"),
            artifact_type=_optional_media_type(document.get("artifactType"), f"{where}.artifactType"),
        )


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """The manifest of an image, or of an artifact that refers to one (`subject`)."""

    config: Descriptor
    layers: Sequence[Descriptor]
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    subject: Descriptor | None = None

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json(
            without_empty(
                {
                    "schemaVersion": 2,
                    "mediaType": MANIFEST,
                    "artifactType": self.artifact_type,
                    "config": self.config.to_dict(),
                    "layers": [layer.to_dict() for layer in self.layers],
                    "subject": None if self.subject is None else self.subject.to_dict(),
                    "annotations": dict(self.annotations),
                }
            )
        )

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The layers and the configuration, each digest once."""
        return tuple({blob.digest: blob for blob in (*self.layers, self.config)}.values())

    @classmethod
    def parse(cls, content: bytes) -> "ImageManifest":
        """The manifest of these bytes, OCI's or Docker's.

        Raises:
            Invalid: code `oci_document_invalid`.
        """
        document = _document(content, "manifest", MANIFESTS)
        layers = document.get("layers")
        if not isinstance(layers, list):
            raise invalid_document("manifest.layers", "a list", layers)
        subject = document.get("subject")
        return cls(
            config=Descriptor.from_dict(document.get("config"), "manifest.config"),
            layers=tuple(Descriptor.from_dict(layer, f"manifest.layers[{i}]") for i, layer in enumerate(layers)),
            annotations=require_string_map(document.get("annotations"), "manifest.annotations"),
            artifact_type=_optional_media_type(document.get("artifactType"), "manifest.artifactType"),
            subject=None if subject is None else Descriptor.from_dict(subject, "manifest.subject"),
        )


@dataclass(frozen=True, slots=True)
class ImageIndex:
    """A list of manifests: one image for several platforms, the referrers of one, or the contents of a layout."""

    manifests: Sequence[Descriptor] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        document = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [entry.to_dict() for entry in self.manifests],
            **({"annotations": dict(self.annotations)} if self.annotations else {}),
        }
        return canonical_json(document)

    @classmethod
    def parse(cls, content: bytes) -> "ImageIndex":
        """The index of these bytes, OCI's or Docker's.

        Raises:
            Invalid: code `oci_document_invalid`.
        """
        document = _document(content, "index", INDEXES)
        manifests = document.get("manifests")
        if not isinstance(manifests, list):
            raise invalid_document("index.manifests", "a list", manifests)
        return cls(
            manifests=tuple(Descriptor.from_dict(entry, f"index.manifests[{i}]") for i, entry in enumerate(manifests)),
            annotations=require_string_map(document.get("annotations"), "index.annotations"),
        )


def _document(content: bytes, what: str, media_types: Sequence[str]) -> Mapping[str, Any]:
    document = parse_object(content, what)
    if document.get("schemaVersion") != 2:
        raise invalid_document(f"{what}.schemaVersion", "2", document.get("schemaVersion"))
    media_type = document.get("mediaType", media_types[0])
    if media_type not in media_types:
        raise invalid_document(f"{what}.mediaType", " or ".join(media_types), media_type)
    return document


def read_digest(value: object, where: str) -> Digest:
    """The digest at `where` of a document. Raises as `Descriptor.from_dict`."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise invalid_document(where, "sha256: and 64 hexadecimal digits", value)
    return Digest(value)


def _media_type(value: object, where: str) -> str:
    if not isinstance(value, str) or not _MEDIA_TYPE.fullmatch(value):
        raise invalid_document(where, "a media type", value)
    return value


def _optional_media_type(value: object, where: str) -> str | None:
    return None if value in (None, "") else _media_type(value, where)


def read_platform(value: object, where: str) -> Platform | None:
    """The platform at `where` of a document, or None. Raises as `Descriptor.from_dict`."""
    if value is None:
        return None
    document = require_object(value, where)
    architecture, system, variant = (document.get(name) for name in ("architecture", "os", "variant"))
    if not isinstance(architecture, str) or not isinstance(system, str):
        raise invalid_document(where, "an architecture and an operating system", value)
    return Platform(architecture, system, variant if isinstance(variant, str) and variant else None)
