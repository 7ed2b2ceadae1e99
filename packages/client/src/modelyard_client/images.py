"""Images of versions: made, listed, deleted, and fetched as archives or layouts, whose bytes are compared with their
digests."""

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import RawIOBase
from pathlib import Path
from typing import Any

from modelyard_client.errors import Conflict, UnexpectedAnswer
from modelyard_client.jobs import Submission
from modelyard_client.transport import Transport, path
from modelyard_client.whole_files import draft_of
from modelyard_client.wire import Fields

_ROOT = ("api", "v1", "ml", "registry")
_SERVED = ("api", "v1", "modelserving", "models")
_IMAGES = path(*_ROOT, "images")
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_DOCUMENTS = frozenset({"oci-layout", "index.json"})
_CHUNK = 1024 * 1024
Arrived = Callable[[int], None]
"""Hears how many bytes more have arrived."""


def _quiet(_: int) -> None:
    """No listener."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A layer of an image; `size` is in bytes."""

    digest: str
    size: int
    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image of a version, or an attempt at one; what is not known before it was built is None."""

    image_id: str
    model_name: str
    model_version: int
    state: str
    """pending, building, built, pushed or failed."""
    reason: str | None
    image_name: str
    """Repository and tag."""
    reference: str
    """The same with the digest."""
    digest: str | None
    size: int | None
    platform: str | None
    base_digest: str | None
    layers: tuple[Layer, ...]
    job_id: str | None
    created_by: str
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Image":
        """Read an image of the API."""
        fields = Fields(value, noun="image")
        return cls(
            image_id=fields.text("image_id"),
            model_name=fields.text("model_name"),
            model_version=fields.integer("model_version"),
            state=fields.text("state"),
            reason=fields.optional_text("reason"),
            image_name=fields.text("image_name"),
            reference=fields.text("reference"),
            digest=fields.optional_text("digest"),
            size=fields.optional_integer("size"),
            platform=fields.optional_text("platform"),
            base_digest=fields.optional_text("base_digest"),
            layers=tuple(_layer(item) for item in fields.items("layers")),
            job_id=fields.optional_text("job_id"),
            created_by=fields.text("created_by"),
            created_at=fields.optional_time("created_at"),
            updated_at=fields.optional_time("updated_at"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletedImage:
    """An image that was deleted. A registry that allows no deletion keeps it; so may one that did not answer."""

    reference: str
    is_left_in_registry: bool


class Images:
    """`client.images`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def build(
        self,
        name: str,
        version: int,
        *,
        target: str | None = None,
        push: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Submission:
        """A job that makes the image of a version.

        Args:
            name: the model's.
            version: its number.
            target: whose repository is meant; the default one for None.
            push: whether it is pushed; None if its repository has a registry.
            idempotency_key: with it the request may be repeated.

        Raises:
            NotFound, Invalid, Conflict: as the API says.
        """
        where = path(*_ROOT, "models", name, "versions", version, "image")
        body = {"target": target, "push": push}
        return Submission.from_json(self._transport.post(where, body, idempotency_key=idempotency_key))

    def build_artifact(
        self,
        name: str,
        artifact_id: str,
        *,
        target: str | None = None,
        push: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Submission:
        """The same for a trained artifact (a run, a logged model, an upload, a job), which becomes a version if none
        was made of it."""
        where = path(*_SERVED, name, "image")
        body = {"artifact_id": artifact_id, "target": target, "push": push}
        return Submission.from_json(self._transport.post(where, body, idempotency_key=idempotency_key))

    def list(
        self,
        name: str | None = None,
        version: int | None = None,
        *,
        state: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Image]:
        """Images, newest first: all, those of a model, or those of a version."""
        if name is not None and version is not None:
            where, query = path(*_ROOT, "models", name, "versions", version, "images"), {}
        else:
            where, query = _IMAGES, {"model_name": name}
        found = self._transport.pages(where, plural="images", query={**query, "state": state}, limit=limit)
        return (Image.from_json(item) for item in found)

    def get(self, key: str) -> Image:
        """An image by its id or its digest.

        Raises:
            NotFound: there is none.
        """
        return Image.from_json(self._transport.get(path(*_ROOT, "images", key)))

    def newest(self, name: str, version: int) -> Image | None:
        """The newest image of a version that was built."""
        return next((one for one in self.list(name, version) if one.state in {"built", "pushed"}), None)

    def delete(self, digest: str, *, reason: str = "", leave_unreachable: bool = False) -> tuple[DeletedImage, ...]:
        """Delete the images of a digest, in their registries too where those allow it.

        Args:
            digest: of the image.
            reason: for the audit log.
            leave_unreachable: forget it also where its registry does not answer, and leave there what it has.

        Raises:
            Conflict: a deployment uses it.
            Unavailable: its registry does not answer.
        """
        query = {"reason": reason, **({"leave_unreachable": "true"} if leave_unreachable else {})}
        answer = self._transport.delete(path(*_ROOT, "images", digest), query=query)
        deleted = (Fields(item, noun="deleted image") for item in Fields(answer, noun="deletion").items("deleted"))
        return tuple(
            DeletedImage(reference=one.text("reference"), is_left_in_registry=one.boolean("is_left_in_registry"))
            for one in deleted
        )

    def export_archive(self, key: str, file: Path, *, arrived: Arrived = _quiet) -> None:
        """Write the image as a tar archive for `docker load`, `podman load` and `skopeo copy`; a file is replaced."""
        with draft_of(file) as draft, draft.open("xb") as written, self._archive(key) as chunks:
            for chunk in chunks:
                written.write(chunk)
                arrived(len(chunk))

    def export_layout(self, key: str, folder: Path, *, arrived: Arrived = _quiet) -> None:
        """Write the image as an OCI layout, into a folder that does not exist yet.

        Raises:
            Conflict: the folder exists.
            UnexpectedAnswer: what arrived is no image, or has other bytes than its digests say.
        """
        if folder.exists():
            raise Conflict(f"{folder} exists already", code="export_exists")
        with draft_of(folder) as draft:
            draft.mkdir()
            (draft / "blobs" / "sha256").mkdir(parents=True)
            with self._archive(key) as chunks:
                _unpack(_Reader(chunks, arrived), draft)

    def _archive(self, key: str) -> Any:
        return self._transport.stream(path(*_ROOT, "images", key, "archive"), headers={"Accept": "*/*"})


class _Reader(RawIOBase):
    """A file whose bytes come piece by piece."""

    def __init__(self, chunks: Iterator[bytes], arrived: Arrived) -> None:
        self._chunks = chunks
        self._arrived = arrived
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes; less only at the end."""
        found = bytearray(self._rest)
        while size < 0 or len(found) < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._arrived(len(chunk))
            found += chunk
        end = len(found) if size < 0 else size
        self._rest = bytes(found[end:])
        return bytes(found[:end])


def _unpack(stream: _Reader, folder: Path) -> None:
    """The files of a layout, and nothing else that an archive may hold."""
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                blob = _BLOB.fullmatch(member.name)
                if not member.isreg() or (blob is None and member.name not in _DOCUMENTS):
                    continue
                digest = _write(archive.extractfile(member), folder / member.name)
                if blob is not None and digest != blob[1]:
                    raise UnexpectedAnswer(
                        f"expected the bytes of sha256:{blob[1]}, got those of sha256:{digest}", code="answer_invalid"
                    )
    except tarfile.TarError as error:
        raise UnexpectedAnswer(f"expected a tar archive: {error}", code="answer_invalid") from error
    if not all((folder / name).is_file() for name in _DOCUMENTS):
        raise UnexpectedAnswer("expected an archive with an OCI layout, got another one", code="answer_invalid")


def _write(content: Any, place: Path) -> str:
    digest = hashlib.sha256()
    with place.open("xb") as file:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _layer(value: object) -> Layer:
    fields = Fields(value, noun="layer")
    return Layer(digest=fields.text("digest"), size=fields.integer("size"), comment=fields.text("comment"))
