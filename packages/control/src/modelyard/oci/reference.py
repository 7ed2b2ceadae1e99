"""References to images: `registry.example.com:5000/team/models:my-model-v1@sha256:…`, read strictly. Pure.

The host is always written out. Docker completes `python:3.11` to a host of its own; a reference that a platform
deploys must not mean something else on another machine.
"""

import re
from dataclasses import dataclass, replace

from modelyard.errors import Invalid
from modelyard.oci.content import Digest

_HOST = re.compile(
    r"(?P<name>localhost|\[[0-9a-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})?)*)"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_MAX_REPOSITORY = 255
_MAX_PORT = 65535
_SHOWN = 120
_FORM = "<host>[:<port>]/<repository>[:<tag>][@sha256:<digest>]"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at a registry, and so where images are pushed to."""

    host: str
    """With its port where it has one."""
    name: str

    @classmethod
    def parse(cls, text: str, *, field: str = "repository") -> "Repository":
        """A reference without tag and digest.

        Raises:
            Invalid: code `reference_invalid`.
        """
        reference = Reference.parse(text, field=field)
        if reference.tag is not None or reference.digest is not None:
            raise _invalid_reference(field, "<host>[:<port>]/<repository> without tag and digest", text)
        return reference.repository

    def tagged(self, tag: str, digest: Digest | None = None) -> "Reference":
        """The reference of a tag in it.

        Raises:
            Invalid: code `reference_invalid`.
        """
        return Reference(self, tag=_tag(tag, "tag", tag), digest=digest)

    def at(self, digest: Digest) -> "Reference":
        """The reference of a digest in it."""
        return Reference(self, digest=digest)

    def __str__(self) -> str:
        return f"{self.host}/{self.name}"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image at a registry: by tag, by digest, or by both, of which the digest counts."""

    repository: Repository
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str, *, field: str = "reference") -> "Reference":
        """Read a reference.

        Raises:
            Invalid: code `reference_invalid`; the sentence names the part that is wrong.
        """
        named, at, digest = text.partition("@")
        host, slash, path = named.partition("/")
        if not slash:
            raise _invalid_reference(field, _FORM, text)
        check_host(host, field=field, text=text)
        name, colon, tag = path.partition(":")
        if len(name) > _MAX_REPOSITORY or not all(_COMPONENT.fullmatch(part) for part in name.split("/")):
            raise _invalid_reference(
                field,
                f"a repository of at most {_MAX_REPOSITORY} lower-case letters, digits and single separators "
                "('.', '_', '__', '-') in parts with '/' between them",
                text,
            )
        return cls(
            repository=Repository(host, name),
            tag=_tag(tag, field, text) if colon else None,
            digest=_digest(digest, field, text) if at else None,
        )

    @property
    def manifest(self) -> str:
        """How a registry's API names the manifest: the digest, else the tag, else `latest`."""
        return str(self.digest) if self.digest is not None else self.tag or "latest"

    def pinned(self, digest: Digest) -> "Reference":
        """The same with its digest."""
        return replace(self, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def is_reference(text: str) -> bool:
    """Whether this names an image at a registry."""
    try:
        Reference.parse(text)
    except Invalid:
        return False
    return True


def check_host(host: str, *, field: str, text: str | None = None) -> None:
    """Refuse what is no registry's host; `text` is what it was a part of.

    Raises:
        Invalid: code `reference_invalid`.
    """
    text = host if text is None else text
    found = _HOST.fullmatch(host)
    is_host = found is not None and ("." in host or ":" in host or host == "localhost")
    if not is_host:
        raise _invalid_reference(
            field, f"the registry's host first, with a dot, a port or as localhost ({_FORM})", text
        )
    if found is not None and found["port"] and not 0 < int(found["port"]) <= _MAX_PORT:
        raise _invalid_reference(field, f"a port from 1 to {_MAX_PORT}", text)


def _tag(tag: str, field: str, text: str) -> str:
    if not _TAG.fullmatch(tag):
        raise _invalid_reference(
            field, "a tag of 1 to 128 letters, digits, '.', '_' and '-' that does not begin with '.' or '-'", text
        )
    return tag


def _digest(digest: str, field: str, text: str) -> Digest:
    try:
        return Digest(digest)
    except Invalid as error:
        raise _invalid_reference(field, "sha256: and 64 hexadecimal digits behind '@'", text) from error


def _invalid_reference(field: str, expected: str, text: str) -> Invalid:
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return Invalid(f"{field}: expected {expected}, got {shown!r}", code="reference_invalid", field=field)
