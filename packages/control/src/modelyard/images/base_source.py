"""Where the base of images comes from, as the operator names it. Pure."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from modelyard.errors import Invalid
from modelyard.oci.reference import Reference

_LAYOUT = "oci:"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class BaseSource:
    """Exactly one of the three."""

    reference: Reference | None = None
    """An image in a registry, with its digest."""
    layout: tuple[str, str] | None = None
    """The folder of an OCI layout, and an image's name in it."""
    name: str | None = None
    """A base that was imported."""

    @classmethod
    def parse(cls, text: str) -> "BaseSource":
        """Read the setting.

        Raises:
            Invalid: code `base_invalid` or `reference_invalid`.
        """
        if text.startswith(_LAYOUT):
            folder, colon, name = text.removeprefix(_LAYOUT).partition(":")
            if not colon or not name or not PurePosixPath(folder).is_absolute():
                raise _invalid_base("oci:<absolute path of a layout>:<name of an image in it>", text)
            return cls(layout=(folder, name))
        if ":" in text and "/" not in text:  # As Docker has it; here a host comes first, and a digest last.
            raise _invalid_base("an image by its digest (docker.io/library/python@sha256:…)", text)
        if "/" in text:
            reference = Reference.parse(text, field="base")
            if reference.digest is None:
                raise _invalid_base(f"a digest, as a tag is something else tomorrow ({reference}@sha256:…)", text)
            return cls(reference=reference)
        return cls(name=checked_base_name(text))


def checked_base_name(name: str) -> str:
    """The name of an imported base.

    Raises:
        Invalid: code `base_invalid`.
    """
    if not _NAME.fullmatch(name):
        raise _invalid_base(
            "a name of 1 to 64 lower-case letters, digits, '.', '_' and '-', the first and the last a letter or digit",
            name,
        )
    return name


def _invalid_base(expected: str, got: str) -> Invalid:
    return Invalid(f"base: expected {expected}, got {got[:120]!r}", code="base_invalid", field="base")
