"""Writes an image of a layout as one tar archive that every engine loads.

The archive is a layout and, by one more file (`manifest.json`), what `docker load` has always read: engines with and
without containerd take it, and so do podman and skopeo. A file is written to a temporary path and renamed.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from modelyard.oci.content import REF_NAME, Descriptor, ImageIndex
from modelyard.oci.layout import VERSION, Layout
from modelyard.oci.tar_format import END, Entry, folder

_CONTAINERD_NAME = "io.containerd.image.name"
_BLOBS = "blobs/sha256"


def export_archive(layout: Layout, image: Descriptor, destination: Path, *, reference: str) -> None:
    """Write an image as an archive for `docker load`, `podman load` and `skopeo copy`.

    Args:
        layout: has the image.
        image: its manifest.
        destination: a file; an existing one is replaced.
        reference: what an engine calls the image once it is loaded, `registry.example.com/models:my-model-v1`.
    """
    with layout.shared_lock(), _temporary_path(destination) as part:
        part.mkdir()
        file = part / destination.name
        with file.open("xb") as written:
            for chunk in archive_chunks(layout, image, reference=reference):
                written.write(chunk)
            written.flush()
            os.fsync(written.fileno())
        file.replace(destination)


def archive_chunks(layout: Layout, image: Descriptor, *, reference: str) -> Iterator[bytes]:
    """The archive, piece by piece. The same image and reference are the same bytes."""
    manifest = layout.manifest(image)
    tag = reference.rpartition(":")[2]
    named = replace(image, annotations={REF_NAME: tag, _CONTAINERD_NAME: reference}, platform=image.platform)
    loaded = [
        {
            "Config": f"{_BLOBS}/{manifest.config.digest.hex}",
            "RepoTags": [reference],
            "Layers": [f"{_BLOBS}/{layer.digest.hex}" for layer in manifest.layers],
        }
    ]
    yield from _small("oci-layout", VERSION.encode())
    yield from _small("index.json", ImageIndex((named,)).to_bytes())
    yield from _small("manifest.json", json.dumps(loaded, separators=(",", ":")).encode())
    yield folder("blobs").header()
    yield folder(_BLOBS).header()
    for blob in sorted((image, *manifest.blobs), key=_by_digest):
        entry = Entry(f"{_BLOBS}/{blob.digest.hex}", size=blob.size)
        yield entry.header()
        yield from layout.blobs.chunks(blob.digest)
        yield entry.padding
    yield END


def _by_digest(blob: Descriptor) -> str:
    return blob.digest.hex


def _small(path: str, content: bytes) -> Iterable[bytes]:
    entry = Entry(path, size=len(content))
    return entry.header(), content, entry.padding


@contextmanager
def _temporary_path(destination: Path) -> Iterator[Path]:
    """A temporary path in the same folder. Removes files of a killed writer and waits for a running one."""
    part = destination.with_name(f".{destination.name}.part")
    held = os.open(destination.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        shutil.rmtree(part, ignore_errors=True)
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)
    finally:
        os.close(held)
