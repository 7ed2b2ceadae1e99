"""The verbs of one registry, by the distribution specification 1.1: blobs, manifests, referrers.

What is named by a digest is checked against it; what a registry answers is read as anybody's input.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import httpx

from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.oci.content import (
    INDEX,
    INDEXES,
    MANIFESTS,
    Descriptor,
    Digest,
    Index,
)
from modelyard.oci.reference import Reference, Repository
from modelyard.oci.registry.transport import Answer, RegistryAccess, Transport

_ACCEPTED = ", ".join((*MANIFESTS, *INDEXES))
_NO_DELETION = frozenset({405})
_MAX_PAGES = 50


def fallback_tag(digest: Digest) -> str:
    """The tag whose index lists the referrers of a manifest where a registry has no API for them."""
    return f"sha256-{digest.hex}"


class Registry:
    """A registry, by its host. Safe from several threads; to be closed."""

    def __init__(self, host: str, access: RegistryAccess) -> None:
        self.host = host
        self.transport = Transport(host, access)

    def __enter__(self) -> Self:
        """Use its connections."""
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Close them."""
        self.transport.close()

    def has_blob(self, repository: Repository, blob: Descriptor) -> bool:
        """Whether a repository has a blob of this digest and size."""
        try:
            answer = self.transport.ask(
                "HEAD", f"/v2/{repository.name}/blobs/{blob.digest}", scope=pulling(repository), expected={200}
            )
        except NotFound:
            return False
        length = answer.headers.get("Content-Length")
        return length is None or length == str(blob.size)

    def blob(self, repository: Repository, blob: Descriptor) -> Iterator[bytes]:
        """The bytes of a blob, unchecked and possibly more than it has: the reader counts and hashes them."""
        path = f"/v2/{repository.name}/blobs/{blob.digest}"
        with self.transport.stream("GET", path, scope=pulling(repository), expected={200}) as response:
            yield from response.iter_raw(1024 * 1024)

    def manifest(self, reference: Reference) -> tuple[Descriptor, bytes]:
        """A manifest or an index, checked against the digest of the reference, or the one that the registry says.

        Raises:
            NotFound: code `registry_not_found`.
            Invalid: code `registry_answer_invalid`: it is not what its digest says.
        """
        answer = self._manifest("GET", reference)
        digest = Digest.of(answer.body)
        said = answer.headers.get("Docker-Content-Digest")
        expected = str(reference.digest) if reference.digest is not None else said
        if expected is not None and expected != str(digest):
            raise self._strange(f"{reference.repository}: expected the manifest {expected[:80]}, got {digest}")
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if media_type not in {*MANIFESTS, *INDEXES}:
            raise self._strange(f"{reference.repository}: expected an image, got {media_type[:80]!r}")
        return Descriptor(media_type, digest, len(answer.body)), answer.body

    def digest_of(self, reference: Reference) -> Digest | None:
        """What a tag or digest leads to now; None where there is nothing."""
        try:
            answer = self._manifest("HEAD", reference)
        except NotFound:
            return None
        said = answer.headers.get("Docker-Content-Digest")
        return Digest(said) if said is not None else self.manifest(reference)[0].digest

    def put_manifest(self, reference: Reference, content: bytes, media_type: str) -> bool:
        """Put a manifest under the reference's digest or tag; says whether the registry lists it under its subject."""
        digest = Digest.of(content)
        answer = self.transport.ask(
            "PUT",
            f"/v2/{reference.repository.name}/manifests/{reference.manifest}",
            scope=pushing(reference.repository),
            expected={200, 201, 202},
            headers={"Content-Type": media_type, "Content-Length": str(len(content))},
            content=lambda: iter([content]),
        )
        said = answer.headers.get("Docker-Content-Digest")
        if said is not None and said != str(digest):
            raise self._strange(f"{reference.repository}: expected the manifest {digest}, got {said[:80]}")
        return "OCI-Subject" in answer.headers

    def delete_manifest(self, repository: Repository, digest: Digest) -> bool:
        """Delete a manifest, and with it all tags that lead to it; says whether it was there.

        Raises:
            Conflict: code `registry_deletion_unsupported`: the registry does not allow it.
        """
        try:
            answer = self.transport.ask(
                "DELETE",
                f"/v2/{repository.name}/manifests/{digest}",
                scope=deleting(repository),
                expected={200, 202, *_NO_DELETION},
            )
        except NotFound:
            return False
        if answer.status in _NO_DELETION:
            raise Conflict(
                f"the registry {self.host} does not allow that images are deleted; its operator has to",
                code="registry_deletion_unsupported",
            )
        return True

    def referrers(self, repository: Repository, subject: Digest) -> list[Descriptor]:
        """The artifacts that refer to a manifest: by the registry's API, else by the index of its fallback tag."""
        path: str | None = f"/v2/{repository.name}/referrers/{subject}"
        found: list[Descriptor] = []
        for _ in range(_MAX_PAGES):
            if path is None:
                return found
            answer = self.transport.ask("GET", path, scope=pulling(repository), expected={200, 400, 404})
            if answer.status != 200 or answer.headers.get("Content-Type", "").partition(";")[0] != INDEX:
                return list(self.fallback_index(repository, subject).manifests)
            found.extend(Index.parse(answer.body).manifests)
            path = self._next(answer)
        raise self._strange(f"{repository}: expected at most {_MAX_PAGES} pages of referrers, got more")

    def fallback_index(self, repository: Repository, subject: Digest) -> Index:
        """The index of the fallback tag; an empty one where there is none."""
        try:
            descriptor, content = self.manifest(repository.tagged(fallback_tag(subject)))
        except NotFound:
            return Index()
        return Index.parse(content) if descriptor.media_type in INDEXES else Index()

    def _manifest(self, method: str, reference: Reference) -> Answer:
        return self.transport.ask(
            method,
            f"/v2/{reference.repository.name}/manifests/{reference.manifest}",
            scope=pulling(reference.repository),
            expected={200},
            headers={"Accept": _ACCEPTED},
        )

    def _next(self, answer: Answer) -> str | None:
        link = httpx.Response(200, headers=answer.headers).links.get("next", {}).get("url")
        return None if link is None else self.transport.same_origin(answer.address, link, what="next page")

    def _strange(self, what: str) -> Invalid:
        return Invalid(f"the registry {self.host} answers wrongly: {what}", code="registry_answer_invalid")


def pulling(repository: Repository) -> str:
    """The scope of reads."""
    return f"repository:{repository.name}:pull"


def pushing(repository: Repository) -> str:
    """The scope of writes."""
    return f"repository:{repository.name}:pull,push"


def deleting(repository: Repository) -> str:
    """The scope of deletions."""
    return f"repository:{repository.name}:delete"
