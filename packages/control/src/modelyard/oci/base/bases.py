"""The bases of a layout: images that are here whole, with what they offer to an environment.

Where a base comes from does not matter once it is here: its manifest's digest names it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelyard.atomic_file import replace_text
from modelyard.errors import Invalid
from modelyard.oci.base.inspection import BaseFacts, inspect_base
from modelyard.oci.content import INDEXES, MANIFESTS, Descriptor, ImageIndex, ImageManifest, Platform
from modelyard.oci.image_config import ImageConfig
from modelyard.oci.layout import Layout

_FACTS = ".bases"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Base:
    """An image that others are built on."""

    descriptor: Descriptor
    manifest: ImageManifest
    config: ImageConfig
    facts: BaseFacts


def open_base(layout: Layout, descriptor: Descriptor) -> Base:
    """The base of a manifest whose blobs are all in the layout. It is inspected once.

    Raises:
        Invalid: code `base_unsupported`; or the documents are none.
        NotFound: code `blob_not_found`.
    """
    manifest = layout.manifest(descriptor)
    config = ImageConfig.parse(layout.blobs.document(manifest.config))
    if len(config.diff_ids) != len(manifest.layers):
        raise Invalid(
            f"base: expected as many layers as its configuration names ({len(config.diff_ids)}), "
            f"got {len(manifest.layers)}",
            code="base_unsupported",
            field="base",
        )
    path = layout.root / _FACTS / f"{descriptor.digest.hex}.json"
    facts = _read(path)
    if facts is None:
        facts = inspect_base(layout.blobs, manifest, config)
        path.parent.mkdir(exist_ok=True)
        replace_text(path, json.dumps({"format": _FORMAT, **asdict(facts)}))
    return Base(descriptor, manifest, config, facts)


def for_platform(index: ImageIndex, platform: Platform) -> Descriptor:
    """The manifest of an index that is for this platform.

    Raises:
        Invalid: code `platform_unsupported`.
    """
    images = [entry for entry in index.manifests if entry.media_type in MANIFESTS]
    found = [entry for entry in images if entry.platform is not None and _fits(entry.platform, platform)]
    if not found:
        there = ", ".join(sorted({str(entry.platform) for entry in images if entry.platform})) or "none"
        raise Invalid(f"base: expected an image for {platform}, got one for {there}", code="platform_unsupported")
    return found[0]


def copy_image(source: Layout, target: Layout, descriptor: Descriptor, *, platform: Platform, name: str) -> Descriptor:
    """Copy an image of another layout, checked blob by blob, and name it.

    Raises:
        Invalid: code `blob_changed`, `platform_unsupported`, or the documents are none.
        NotFound: code `blob_not_found`.
    """
    content = source.blobs.document(descriptor)
    if descriptor.media_type in INDEXES:
        chosen = for_platform(ImageIndex.parse(content), platform)
        return copy_image(source, target, chosen, platform=platform, name=name)
    manifest = ImageManifest.parse(content)
    with target.shared_lock():
        for blob in manifest.blobs:
            if not target.blobs.has(blob):
                target.blobs.add_stream(source.blobs.chunks(blob.digest), blob)
        target.blobs.add_stream([content], descriptor)
        return target.put(descriptor, name=name)


def _fits(offered: Platform, wanted: Platform) -> bool:
    is_same = (offered.os, offered.architecture) == (wanted.os, wanted.architecture)
    return is_same and (wanted.variant is None or offered.variant in {None, wanted.variant})


def _read(path: Path) -> BaseFacts | None:
    try:
        written: Mapping[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    if written["format"] != _FORMAT:
        return None
    return BaseFacts(glibc=written["glibc"], pythons=written["pythons"])
