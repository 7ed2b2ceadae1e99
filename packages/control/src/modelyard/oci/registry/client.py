"""Operations of one registry, by the distribution specification 1.1: blobs, manifests, referrers.

Manifests are verified against their digest; the caller verifies blobs. Responses are untrusted input.
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
    ImageIndex,
)
from modelyard.oci.reference import Reference, Repository
from modelyard.oci.registry.transport import RegistryAccess, Response, Transport

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
            response = self.transport.request(
                "HEAD", f"/v2/{repository.name}/blobs/{blob.digest}", scope=pull_scope(repository), expected={200}
            )
        except NotFound:
            return False
        length = response.headers.get("Content-Length")
        return length is None or length == str(blob.size)

    def blob(self, repository: Repository, blob: Descriptor) -> Iterator[bytes]:
        """The bytes of a blob, unchecked and possibly more than it has: the reader counts and hashes them."""
        path = f"/v2/{repository.name}/blobs/{blob.digest}"
        with self.transport.stream("GET", path, scope=pull_scope(repository), expected={200}) as response:
            yield from response.iter_raw(1024 * 1024)

    def manifest(self, reference: Reference) -> tuple[Descriptor, bytes]:
        """A manifest or an index, checked against the digest of the reference, or the one that the registry says.

        Raises:
            NotFound: code `registry_not_found`.
            Invalid: code `registry_answer_invalid`: it is not what its digest says.
        """
        response = self._manifest("GET", reference)
        digest = Digest.of(response.body)
        header = response.headers.get("Docker-Content-Digest")
        expected = str(reference.digest) if reference.digest is not None else header
        if expected is not None and expected != str(digest):
            raise self._invalid_response(f"{reference.repository}: expected the manifest {expected[:80]}, got {digest}")
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        if media_type not in {*MANIFESTS, *INDEXES}:
            raise self._invalid_response(f"{reference.repository}: expected an image, got {media_type[:80]!r}")
        return Descriptor(media_type, digest, len(response.body)), response.body

    def digest_of(self, reference: Reference) -> Digest | None:
        """What a tag or digest leads to now; None where there is nothing."""
        try:
            response = self._manifest("HEAD", reference)
        except NotFound:
            return None
        header = response.headers.get("Docker-Content-Digest")
        return Digest(header) if header is not None else self.manifest(reference)[0].digest

    def put_manifest(self, reference: Reference, content: bytes, media_type: str) -> bool:
        """Put a manifest under the reference's digest or tag; says whether the registry lists it under its subject."""
        digest = Digest.of(content)
        response = self.transport.request(
            "PUT",
            f"/v2/{reference.repository.name}/manifests/{reference.manifest}",
            scope=push_scope(reference.repository),
            expected={200, 201, 202},
            headers={"Content-Type": media_type, "Content-Length": str(len(content))},
            content=lambda: iter([content]),
        )
        header = response.headers.get("Docker-Content-Digest")
        if header is not None and header != str(digest):
            raise self._invalid_response(f"{reference.repository}: expected the manifest {digest}, got {header[:80]}")
        return "OCI-Subject" in response.headers

    def delete_manifest(self, repository: Repository, digest: Digest) -> bool:
        """Delete a manifest, and with it all tags that lead to it; says whether it was there.

        Raises:
            Conflict: code `registry_deletion_unsupported`: the registry does not allow it.
        """
        try:
            response = self.transport.request(
                "DELETE",
                f"/v2/{repository.name}/manifests/{digest}",
                scope=delete_scope(repository),
                expected={200, 202, *_NO_DELETION},
            )
        except NotFound:
            return False
        if response.status in _NO_DELETION:
            raise Conflict(
                f"the registry {self.host} does not allow deletion of images; its operator has to enable it",
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
            response = self.transport.request("GET", path, scope=pull_scope(repository), expected={200, 400, 404})
            if response.status != 200 or response.headers.get("Content-Type", "").partition(";")[0] != INDEX:
                return list(self.fallback_index(repository, subject).manifests)
            found.extend(ImageIndex.parse(response.body).manifests)
            path = self._next(response)
        raise self._invalid_response(f"{repository}: expected at most {_MAX_PAGES} pages of referrers, got more")

    def fallback_index(self, repository: Repository, subject: Digest) -> ImageIndex:
        """The index of the fallback tag; an empty one where there is none."""
        try:
            descriptor, content = self.manifest(repository.tagged(fallback_tag(subject)))
        except NotFound:
            return ImageIndex()
        return ImageIndex.parse(content) if descriptor.media_type in INDEXES else ImageIndex()

    def _manifest(self, method: str, reference: Reference) -> Response:
        return self.transport.request(
            method,
            f"/v2/{reference.repository.name}/manifests/{reference.manifest}",
            scope=pull_scope(reference.repository),
            expected={200},
            headers={"Accept": _ACCEPTED},
        )

    def _next(self, response: Response) -> str | None:
        link = httpx.Response(200, headers=response.headers).links.get("next", {}).get("url")
        return None if link is None else self.transport.same_origin(response.address, link, what="next page")

    def _invalid_response(self, what: str) -> Invalid:
        return Invalid(f"the registry {self.host} sent an invalid response: {what}", code="registry_answer_invalid")


def pull_scope(repository: Repository) -> str:
    """The token scope of reads."""
    return f"repository:{repository.name}:pull"


def push_scope(repository: Repository) -> str:
    """The token scope of writes."""
    return f"repository:{repository.name}:pull,push"


def delete_scope(repository: Repository) -> str:
    """The token scope of deletions."""
    return f"repository:{repository.name}:delete"
