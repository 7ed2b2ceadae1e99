"""The layers of a bundle, below `/model`: large files each in a layer of its own, the other files of the model, and
what describes them last. A file of another version with the same bytes at the same path is the same layer."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.errors import Conflict, Invalid
from modelyard.isolation.untrusted_files import open_regular
from modelyard.oci.background_hash import BackgroundHash, Hash
from modelyard.oci.blobs import CHUNK, BlobSink, BlobWriter
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layers import Layer, TarLayer
from modelyard.oci.tar_format import Entry

MODEL = "model"
"""Where a bundle is in an image."""
_LARGE = 16 * 1024 * 1024
_MOST_ALONE = 40
_DESCRIPTION, _MANIFEST = "bundle.json", "manifest.json"
_MAX_DESCRIPTION = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A file of a bundle, as its manifest names it."""

    path: str
    sha256: str
    size: int

    @property
    def describes(self) -> bool:
        """Whether it describes the model instead of being a part of it: all that lies at the top."""
        return "/" not in self.path


@dataclass(frozen=True, slots=True)
class BundleContent:
    """A bundle on disk, read but not checked: files are checked as they go into a layer."""

    folder: Path
    files: Sequence[BundleFile]
    description: Mapping[str, Any]
    manifest_digest: str
    """SHA-256 of the manifest file, which names the bundle."""

    @property
    def created(self) -> str:
        """When its version was made."""
        return str(self.description["created_at"])

    @property
    def model_name(self) -> str:
        """Of its version."""
        return str(self.description["model"]["name"])

    @property
    def model_version(self) -> str:
        """Of its version."""
        return str(self.description["model"]["version"])

    def read(self, file: BundleFile) -> bytes:
        """A small file.

        Raises:
            Conflict: code `artifact_changed`: it is not what the manifest says.
        """
        return b"".join(_checked(self.folder, file))


def read_bundle(folder: Path) -> BundleContent:
    """What a bundle says of itself.

    Raises:
        Invalid: code `bundle_invalid`.
    """
    description, manifest = (_small(folder, name) for name in (_DESCRIPTION, _MANIFEST))
    try:
        described, listed = json.loads(description), json.loads(manifest)
        files = [BundleFile(path, file["sha256"], file["size"]) for path, file in sorted(listed["files"].items())]
        whole = [*files, BundleFile(_MANIFEST, hashlib.sha256(manifest).hexdigest(), len(manifest))]
        content = BundleContent(folder, whole, described, whole[-1].sha256)
        _ = content.created, content.model_name, content.model_version
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _invalid_bundle(folder, "a description and a manifest as a bundle has them", repr(error)) from error
    for file in files:
        if (
            any(part in {"", ".", ".."} or part.startswith(".wh.") for part in file.path.split("/"))
            or "\0" in file.path
        ):
            raise _invalid_bundle(folder, "plain paths", repr(file.path)[:120])
    return content


Sink = Callable[[BlobWriter], AbstractContextManager[BlobSink]]
"""Where the bytes of a large layer go: its blob's writer, and whatever else shall have them meanwhile."""


def bundle_layers(cache: LayerCache, bundle: BundleContent, *, sink: Sink = nullcontext) -> list[Layer]:
    """The layers of a bundle; `sink` takes the bytes of large ones that the cache does not have.

    Raises:
        Conflict: code `artifact_changed`: a file is not what the manifest says.
    """
    parts = [file for file in bundle.files if not file.describes]
    by_size = sorted(parts, key=lambda file: (-file.size, file.path))
    alone = [file for file in by_size[:_MOST_ALONE] if file.size >= _LARGE]
    groups = [
        *(([file], file.path) for file in parts if file in alone),
        ([file for file in parts if file not in alone], "model files"),
        ([file for file in bundle.files if file.describes], "model metadata"),
    ]
    return [_layer(cache, bundle.folder, files, comment, sink) for files, comment in groups if files]


def _layer(cache: LayerCache, folder: Path, files: Sequence[BundleFile], comment: str, sink: Sink) -> Layer:
    size = sum(file.size for file in files)
    is_large = size >= _LARGE and len(files) == 1

    def write(writer: BlobWriter) -> Layer:
        with sink(writer) if is_large else nullcontext(writer) as into:
            layer = TarLayer(into)
            for file in sorted(files, key=lambda file: file.path.split("/")):
                layer.add(Entry(f"{MODEL}/{file.path}", size=file.size), _checked(folder, file))
            return layer.commit(comment)

    inputs = ["bundle", MODEL, [[file.path, file.sha256, file.size] for file in files], comment]
    return cache.layer(inputs, write, size=size, in_background=is_large)


def _checked(folder: Path, file: BundleFile) -> Iterator[bytes]:
    """The bytes of a file, which are those that the manifest names."""
    size = 0
    try:
        with open_regular(folder, file.path) as content, _hash_for(file) as found:
            while chunk := content.read(CHUNK):
                found.update(chunk)
                size += len(chunk)
                if size > file.size:
                    break
                yield chunk
            is_same = size == file.size and found.hexdigest() == file.sha256
    except OSError as error:
        raise _changed(file, "none") from error
    if not is_same:
        raise _changed(file, "other ones")


def _hash_for(file: BundleFile) -> AbstractContextManager[Hash]:
    """Of a large file, one that is taken beside that of its layer: each takes as long as writing the layer."""
    return BackgroundHash() if file.size >= _LARGE else nullcontext(hashlib.sha256())


def _small(folder: Path, name: str) -> bytes:
    try:
        with open_regular(folder, name) as file:
            content = file.read(_MAX_DESCRIPTION + 1)
    except OSError as error:
        raise _invalid_bundle(folder, f"a bundle with its file {name}", "none") from error
    if len(content) > _MAX_DESCRIPTION:
        raise _invalid_bundle(folder, f"a {name} of at most {_MAX_DESCRIPTION} bytes", "more")
    return content


def _changed(file: BundleFile, came: str) -> Conflict:
    return Conflict(
        f"{file.path}: expected the {file.size} bytes that the bundle's manifest names, got {came}",
        code="artifact_changed",
    )


def _invalid_bundle(folder: Path, expected: str, got: str) -> Invalid:
    return Invalid(f"bundle {folder.name}: expected {expected}, got {got}", code="bundle_invalid")
