"""The inventory of an image (a software bill of materials) in CycloneDX's JSON: its packages with their licences, its
base, and the model. It is a function of the image: no time of its own, and a serial number that follows from it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from packaging.utils import canonicalize_name

from modelyard.oci.bundle_layers import BundleContent
from modelyard.oci.content import Descriptor
from modelyard.oci.strict_json import canonical_json
from modelyard.oci.wheels.environment import LockedWheel
from modelyard.oci.wheels.metadata import WheelMetadata, read_metadata

CYCLONEDX = "application/vnd.cyclonedx+json"
_VERSION = "1.6"


def inventory(image: Descriptor, *, base: Descriptor, wheels: Sequence[LockedWheel], bundle: BundleContent) -> bytes:
    """The inventory of the image of a version.

    Raises:
        Invalid: code `wheel_invalid`.
    """
    model: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": bundle.model_name,
        "version": bundle.model_version,
        "hashes": [{"alg": "SHA-256", "content": bundle.manifest_digest}],
    }
    components = [_base(base), model, *_packages(wheels)]
    return _document(image, components, name=bundle.model_name, created=bundle.created)


def packages_inventory(
    image: Descriptor, *, base: Descriptor, wheels: Sequence[LockedWheel], name: str, created: str
) -> bytes:
    """The inventory of an image of packages alone.

    Raises:
        Invalid: code `wheel_invalid`.
    """
    return _document(image, [_base(base), *_packages(wheels)], name=name, created=created)


def _document(image: Descriptor, components: Sequence[Mapping[str, Any]], *, name: str, created: str) -> bytes:
    return canonical_json(
        {
            "bomFormat": "CycloneDX",
            "specVersion": _VERSION,
            "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, str(image.digest))}",
            "version": 1,
            "metadata": {
                "timestamp": created,
                "component": {"type": "container", "bom-ref": "image", "name": name, "version": str(image.digest)},
            },
            "components": components,
            "dependencies": [{"ref": "image", "dependsOn": [component["bom-ref"] for component in components]}],
        }
    )


def _packages(wheels: Sequence[LockedWheel]) -> list[dict[str, Any]]:
    return [_package(wheel) for wheel in sorted(wheels, key=lambda wheel: wheel.order)]


def _base(base: Descriptor) -> dict[str, Any]:
    return {
        "type": "container",
        "bom-ref": "base",
        "name": "base",
        "version": str(base.digest),
        "hashes": [{"alg": "SHA-256", "content": base.digest.hex}],
    }


def _package(wheel: LockedWheel) -> dict[str, Any]:
    metadata = read_metadata(wheel.path)
    url = f"pkg:pypi/{canonicalize_name(metadata.name)}@{metadata.version.replace('+', '%2B')}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": url,
        "name": metadata.name,
        "version": metadata.version,
        "purl": url,
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
    }
    if metadata.summary is not None:
        component["description"] = metadata.summary
    if licenses := _licenses(metadata):
        component["licenses"] = licenses
    return component


def _licenses(metadata: WheelMetadata) -> list[dict[str, Any]]:
    if metadata.license_expression is not None:
        return [{"expression": metadata.license_expression}]
    return [{"license": {"name": name}} for name in metadata.license_names]
