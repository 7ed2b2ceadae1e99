"""What a request for an upload must say, and what a piece of one must be. Pure."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from modelyard.errors import Invalid, TooLarge
from modelyard.naming import validate_model_name
from modelyard.registry.domain import refuse_platform_tags
from modelyard.uploads.domain import needs_requirements, validate_file_name

_CHECKSUM = "sha256 "


def check_upload(model_name: str, file_name: str, *, size: int, request: Mapping[str, Any], max_bytes: int) -> None:
    """Refuse an upload that could not become a version.

    Raises:
        Invalid: the model's or the file's name, a tag of the platform's own, or a model in one file without
            requirements.
        TooLarge: code `upload_too_large`.
    """
    validate_model_name(model_name, field="name")
    validate_file_name(file_name)
    refuse_platform_tags(request.get("tags", {}))
    if needs_requirements(file_name) and not request.get("requirements"):
        raise Invalid(
            f"requirements: expected the libraries that load {file_name!r}, as it is no archive that names them",
            code="requirements_missing",
            field="requirements",
        )
    if size > max_bytes:
        raise TooLarge(
            f"size_bytes: expected at most {max_bytes}, got {size}",
            code="upload_too_large",
            field="size_bytes",
        )


def check_piece(piece: bytes, checksum: str | None) -> None:
    """The header of tus' checksum extension: an algorithm and a digest in base64."""
    if checksum is None:
        return
    try:
        expected = base64.b64decode(checksum.removeprefix(_CHECKSUM), validate=True)
    except binascii.Error:
        expected = b""
    if not checksum.startswith(_CHECKSUM) or len(expected) != hashlib.sha256().digest_size:
        raise Invalid(
            f"Upload-Checksum: expected the word sha256, a space and a digest in base64, got {checksum[:80]!r}",
            code="checksum_invalid",
            field="Upload-Checksum",
        )
    if hashlib.sha256(piece).digest() != expected:
        raise Invalid(
            "body: expected the bytes whose digest Upload-Checksum names, got others: send the piece again",
            code="checksum_mismatch",
            field="body",
        )
