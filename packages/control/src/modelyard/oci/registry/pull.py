"""Fetches an image by digest into a layout. Every blob is checked against its digest before it has a name there."""

from collections.abc import Callable

from modelyard.errors import Invalid, Unavailable
from modelyard.oci.base.bases import for_platform
from modelyard.oci.content import INDEXES, Descriptor, ImageIndex, ImageManifest, Platform
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Reference, Repository
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.transport import retry_delay


def pull_image(
    reference: Reference,
    registry: Registry,
    layout: Layout,
    *,
    platform: Platform,
    name: str,
    require_space: Callable[[int], None],
    log: Callable[[str], None] = lambda _: None,
) -> Descriptor:
    """Fetch the image of a digest and name it in the layout. What is here already is not fetched again.

    Args:
        reference: with its digest, since a tag is something else tomorrow.
        registry: of the reference.
        layout: where it is put.
        platform: which one is taken of an image for several.
        name: what the layout names it.
        require_space: raises DiskFull when there is no space for so many bytes.
        log: takes one line for each blob.

    Raises:
        Invalid: code `reference_without_digest`, `blob_changed`, `platform_unsupported`, or the registry refuses.
        NotFound: code `registry_not_found`.
        Unavailable: code `registry_unavailable`; DiskFull.
    """
    if reference.digest is None:
        raise Invalid(
            f"base: expected a reference with a digest ({reference}@sha256:…), got one without",
            code="reference_without_digest",
            field="base",
        )
    descriptor, content = registry.manifest(reference)
    if descriptor.media_type in INDEXES:
        chosen = for_platform(ImageIndex.parse(content), platform)
        descriptor, content = registry.manifest(reference.pinned(chosen.digest))
    manifest = ImageManifest.parse(content)
    with layout.shared_lock():
        missing = [blob for blob in manifest.blobs if not layout.blobs.has(blob)]
        require_space(sum(blob.size for blob in missing))
        for blob in missing:
            log(f"fetching {blob.digest} ({blob.size} bytes)")
            _fetch(registry, reference.repository, blob, layout)
        layout.blobs.add_stream([content], descriptor)
        return layout.put(descriptor, name=name)


def _fetch(registry: Registry, repository: Repository, blob: Descriptor, layout: Layout) -> None:
    """Fetch a blob; after a lost connection from its start, at most `attempts` times."""
    access = registry.transport.access
    for attempt in range(access.attempts):
        try:
            layout.blobs.add_stream(registry.blob(repository, blob), blob)
        except Unavailable:
            if attempt == access.attempts - 1:
                raise
            access.sleep(retry_delay(attempt))
        else:
            return
