"""Sends an image of a layout to a registry: blobs, the manifest, what refers to it, and the tag last.

Whoever sees the tag can pull all of it. A repeated push does not send blobs again that the registry has.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

from modelyard.oci.content import INDEX, Descriptor, Digest, ImageIndex, ImageManifest
from modelyard.oci.layout import Layout
from modelyard.oci.reference import Reference, Repository
from modelyard.oci.registry.client import Registry, fallback_tag
from modelyard.oci.registry.upload_sessions import UploadSessions
from modelyard.oci.registry.uploads import BlobUploads, UploadOutcome

_UPLOADS = ".uploads"
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Pushed:
    """Where an image is now, and what it took."""

    reference: Reference
    """With its digest."""
    sent: int
    """Bytes of blobs that were sent."""
    mounted: int
    present: int


def push_image(
    layout: Layout,
    image: Descriptor,
    reference: Reference,
    registry: Registry,
    *,
    mount_from: Sequence[Repository] = (),
    log: Callable[[str], None] = lambda _: None,
) -> Pushed:
    """Send an image and its referrers.

    Args:
        layout: has all of it.
        image: the image's manifest.
        reference: with the tag that it shall have; a digest in it is not looked at.
        registry: of the reference.
        mount_from: repositories of the registry that may have some of its blobs, such as the base's.
        log: takes one line for each blob that is sent.

    Raises:
        Unavailable: code `registry_unavailable`. The same call resumes the push later.
        Invalid: code `registry_denied`, `registry_refused` and others, by the registry's answer.
    """
    repository = reference.repository
    uploads = blob_uploads(layout, registry, repository, mount_from=mount_from)
    with layout.shared_lock():
        manifest = layout.manifest(image)
        arrivals = _put_blobs(uploads, manifest, log)
        _put(layout, image, repository.at(image.digest), registry)
        for referrer in layout.referrers(image.digest):
            artifact = layout.manifest(referrer)
            _put_blobs(uploads, artifact, log)
            if not _put(layout, referrer, repository.at(referrer.digest), registry):
                _list_under_tag(registry, repository, image.digest, _described(referrer, artifact))
        _put(layout, image, replace(reference, digest=None), registry)
    sizes = dict.fromkeys(UploadOutcome, 0)
    for blob, arrival in arrivals:
        sizes[arrival] += blob.size
    log(f"pushed {reference.pinned(image.digest)}")
    return Pushed(
        reference.pinned(image.digest),
        sizes[UploadOutcome.UPLOADED],
        sizes[UploadOutcome.MOUNTED],
        sizes[UploadOutcome.ALREADY_PRESENT],
    )


def blob_uploads(
    layout: Layout, registry: Registry, repository: Repository, *, mount_from: Sequence[Repository] = ()
) -> BlobUploads:
    """Uploads of a layout's blobs, with the sessions that are stored beside it."""
    sessions = UploadSessions(layout.root / _UPLOADS)
    return BlobUploads(registry, repository, blobs=layout.blobs, sessions=sessions, mount_from=mount_from)


def delete_image(registry: Registry, repository: Repository, digest: Digest) -> bool:
    """Delete an image at a registry with what refers to it; says whether it was there. Gone already is no error.

    Raises:
        Conflict: code `registry_deletion_unsupported`.
    """
    for referrer in registry.referrers(repository, digest):
        registry.delete_manifest(repository, referrer.digest)
    listed = registry.digest_of(repository.tagged(fallback_tag(digest)))
    if listed is not None:
        registry.delete_manifest(repository, listed)
    return registry.delete_manifest(repository, digest)


def _put_blobs(
    uploads: BlobUploads, manifest: ImageManifest, log: Callable[[str], None]
) -> list[tuple[Descriptor, UploadOutcome]]:
    """Some at once: each is a few short requests, for which the registry writes to its disk."""
    held = Lock()

    def say(line: str) -> None:
        with held:
            log(line)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="push") as pool:
        return list(zip(manifest.blobs, pool.map(lambda blob: uploads.put(blob, log=say), manifest.blobs), strict=True))


def _put(layout: Layout, descriptor: Descriptor, reference: Reference, registry: Registry) -> bool:
    return registry.put_manifest(reference, layout.blobs.document(descriptor), descriptor.media_type)


def _described(referrer: Descriptor, artifact: ImageManifest) -> Descriptor:
    """As the registry's own list would have it."""
    return Descriptor(
        referrer.media_type,
        referrer.digest,
        referrer.size,
        annotations=artifact.annotations,
        artifact_type=artifact.artifact_type or artifact.config.media_type,
    )


def _list_under_tag(registry: Registry, repository: Repository, subject: Digest, referrer: Descriptor) -> None:
    """Add a referrer to the index of the fallback tag, and keep the entries of others."""
    index = registry.fallback_index(repository, subject)
    if any(each.digest == referrer.digest for each in index.manifests):
        return
    content = ImageIndex((*index.manifests, referrer)).to_bytes()
    registry.put_manifest(repository.tagged(fallback_tag(subject)), content, INDEX)
