"""An OCI layout on disk: the blobs of many images and one index that names them. Built images are stored in one.

Whatever reads a layout (`skopeo inspect oci:FOLDER:NAME`) reads this one while we write it: blobs come first, the index
last and in one step.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from modelyard.atomic_file import replace_text
from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.file_lock import locked, open_lock, try_lock
from modelyard.oci.blobs import Blobs
from modelyard.oci.content import (
    INDEXES,
    MANIFEST,
    MANIFESTS,
    REF_NAME,
    Descriptor,
    Digest,
    ImageIndex,
    ImageManifest,
)
from modelyard.scratch import Scratch

VERSION = json.dumps({"imageLayoutVersion": "1.0.0"})
_INDEX, _VERSION, _INGEST = "index.json", "oci-layout", ".ingest"
_INDEX_LOCK, _USE_LOCK = ".index.lock", ".use.lock"
_PUBLIC = 0o644


class Layout:
    """A layout that several threads and processes may read and write at once.

    Entries of the index have a name (`org.opencontainers.image.ref.name`), but for artifacts that refer to an image,
    which are found by their subject.
    """

    def __init__(self, root: Path, *, is_ours: bool = True) -> None:
        """Open the layout. If `is_ours`, creates what is missing and removes temporary files of dead processes."""
        self.root = root
        self._scratch: Scratch | None = None
        self.blobs = Blobs(root, lambda: self.scratch)
        if is_ours:
            self._make()

    @classmethod
    def open_read_only(cls, root: Path) -> "Layout":
        """A layout of another program, which is only read: nothing is written to its folder.

        Raises:
            Invalid: code `layout_invalid`: the folder is not a layout.
        """
        _check_version(root)
        return cls(root, is_ours=False)

    @property
    def scratch(self) -> Path:
        """The folder for temporary files. Deleted when the process ends."""
        if self._scratch is None:
            self._scratch = Scratch(self.root / _INGEST)
        return self._scratch.folder

    def close(self) -> None:
        """Delete the scratch folder."""
        if self._scratch is not None:
            self._scratch.close()

    def index(self) -> ImageIndex:
        """The index of the layout."""
        return ImageIndex.parse((self.root / _INDEX).read_bytes())

    def put(self, descriptor: Descriptor, *, name: str | None = None) -> Descriptor:
        """Name a manifest whose blobs are all here, instead of what had the name; without a name, only list it."""
        annotations = {key: text for key, text in descriptor.annotations.items() if key != REF_NAME}
        entry = replace(descriptor, annotations={**annotations, **({REF_NAME: name} if name else {})})
        with locked(self.root / _INDEX_LOCK):
            kept = [
                each
                for each in self.index().manifests
                if (each.annotations.get(REF_NAME) != name if name else each.digest != entry.digest or _is_named(each))
            ]
            self._write(ImageIndex((*kept, entry)))
        return entry

    def remove(self, digest: Digest, *, name: str | None = None) -> bool:
        """Take the entries of a manifest out of the index, or only that of this name; says whether there was one."""
        with locked(self.root / _INDEX_LOCK):
            entries = self.index().manifests
            kept = [
                each
                for each in entries
                if each.digest != digest or (name is not None and each.annotations.get(REF_NAME) != name)
            ]
            self._write(ImageIndex(tuple(kept)))
        return len(kept) != len(entries)

    def find(self, name: str) -> Descriptor:
        """The manifest of a name.

        Raises:
            NotFound: code `image_not_found`.
        """
        found = next((each for each in self.index().manifests if each.annotations.get(REF_NAME) == name), None)
        if found is None:
            raise NotFound(f"the layout has no image '{name}'", code="image_not_found")
        return found

    def manifest(self, descriptor: Descriptor) -> ImageManifest:
        """The manifest that a descriptor points at."""
        return ImageManifest.parse(self.blobs.document(descriptor))

    def referrers(self, subject: Digest) -> list[Descriptor]:
        """The listed artifacts that refer to a manifest, by digest."""
        listed = (each for each in self.index().manifests if each.media_type == MANIFEST and not _is_named(each))
        found = ((each, self.manifest(each).subject) for each in listed)
        return sorted(
            (each for each, of in found if of is not None and of.digest == subject), key=lambda each: each.digest
        )

    def reachable(self) -> set[Digest]:
        """The digests of all blobs that the index leads to."""
        return self.reachable_from(*self.index().manifests)

    def reachable_from(self, *entries: Descriptor) -> set[Digest]:
        """The digests of all blobs that these entries lead to, and of the entries."""
        seen: set[Digest] = set()
        for entry in entries:
            self._walk(entry, seen)
        return seen

    def note_used(self, entry: Descriptor) -> None:
        """Note that an image is used now: its manifest's file has the time."""
        with suppress(FileNotFoundError):
            os.utime(self.blobs.path(entry.digest))

    @contextmanager
    def shared_lock(self) -> Iterator[None]:
        """While a process has it, `collect_garbage` deletes nothing; a blob that is not in the index yet stays."""
        descriptor = open_lock(self.root / _USE_LOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    def collect_garbage(self) -> int:
        """Delete the blobs that no entry leads to. Returns their size in bytes.

        Raises:
            Conflict: code `layout_in_use`: an image is being built, copied or sent. Try again later.
        """
        with self.exclusive_lock():
            return self.collect_locked()

    @contextmanager
    def exclusive_lock(self) -> Iterator[None]:
        """While a process has it, nobody has the shared one.

        Raises:
            Conflict: code `layout_in_use`.
        """
        descriptor = open_lock(self.root / _USE_LOCK)
        try:
            if not try_lock(descriptor):
                raise Conflict("the layout is in use: an image is built or sent", code="layout_in_use")
            yield
        finally:
            os.close(descriptor)

    def collect_locked(self) -> int:
        """As `collect_garbage`, for who has the exclusive lock."""
        kept = self.reachable()
        return sum(self.blobs.remove(digest) for digest in self.blobs.names() if digest not in kept)

    def _walk(self, entry: Descriptor, seen: set[Digest]) -> None:
        if entry.digest in seen:
            return
        seen.add(entry.digest)
        if entry.media_type in MANIFESTS:
            seen.update(blob.digest for blob in self.manifest(entry).blobs)
        elif entry.media_type in INDEXES:
            for each in ImageIndex.parse(self.blobs.document(entry)).manifests:
                if self.blobs.has(each):
                    self._walk(each, seen)

    def _make(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self._scratch = Scratch(self.root / _INGEST)
        self._scratch.sweep()
        with locked(self.root / _INDEX_LOCK):
            if not (self.root / _INDEX).exists():
                self._write(ImageIndex())
        if not (self.root / _VERSION).exists():
            replace_text(self.root / _VERSION, VERSION, mode=_PUBLIC)

    def _write(self, index: ImageIndex) -> None:
        replace_text(self.root / _INDEX, index.to_bytes().decode(), mode=_PUBLIC)


def _check_version(root: Path) -> None:
    try:
        version: Mapping[str, object] = json.loads((root / _VERSION).read_bytes())
    except (OSError, ValueError) as error:
        raise Invalid(
            f"{root.name}: expected an OCI layout, got a folder without its file oci-layout", code="layout_invalid"
        ) from error
    if not isinstance(version, dict) or version.get("imageLayoutVersion") != "1.0.0":
        raise Invalid(
            f"{root.name}: expected an OCI layout of version 1.0.0, got {version!r:.80}", code="layout_invalid"
        )


def _is_named(entry: Descriptor) -> bool:
    return REF_NAME in entry.annotations
