"""Artifacts that refer to an image, by the specification's `subject`."""

from dataclasses import replace

from modelyard.oci.content import EMPTY, MANIFEST, REF_NAME, Descriptor, ImageManifest
from modelyard.oci.layout import Layout

_CREATED = "org.opencontainers.image.created"
_TITLE = "org.opencontainers.image.title"


def attach(
    layout: Layout, image: Descriptor, content: bytes, *, artifact_type: str, title: str, created: str
) -> Descriptor:
    """Put a document beside an image of the layout. The same document is attached once.

    Args:
        layout: has the image.
        image: its manifest.
        content: the document.
        artifact_type: its media type.
        title: a file name for who unpacks it.
        created: in RFC 3339; the image's own, so that the artifact is the same everywhere.
    """
    blob = replace(layout.blobs.add(content, artifact_type), annotations={_TITLE: title})
    manifest = ImageManifest(
        config=layout.blobs.add(b"{}", EMPTY),
        layers=(blob,),
        annotations={_CREATED: created},
        artifact_type=artifact_type,
        subject=Descriptor(image.media_type, image.digest, image.size),
    )
    descriptor = layout.blobs.add(manifest.to_bytes(), MANIFEST)
    return layout.put(replace(descriptor, artifact_type=artifact_type))


def remove_orphans(layout: Layout) -> None:
    """Take artifacts out of the index whose subject is not in it any more."""
    entries = layout.index().manifests
    named = {entry.digest for entry in entries if REF_NAME in entry.annotations}
    for entry in entries:
        if entry.media_type != MANIFEST or REF_NAME in entry.annotations:
            continue
        subject = layout.manifest(entry).subject
        if subject is not None and subject.digest not in named:
            layout.remove(entry.digest)
