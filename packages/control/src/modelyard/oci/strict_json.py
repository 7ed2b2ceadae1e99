"""Strict parsing of untrusted JSON, field by field, and canonical JSON. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from modelyard.errors import Invalid

MAX_DOCUMENT = 4 * 1024 * 1024
"""Bytes of a manifest, an index or a configuration: what registries accept at most."""
_SHOWN = 100


def canonical_json(value: object) -> bytes:
    """JSON with sorted names, without spaces and in ASCII, which whatever text others wrote has a form in."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def parse_object(content: bytes, what: str) -> Mapping[str, Any]:
    """The JSON object of these bytes.

    Raises:
        Invalid: code `oci_document_invalid`.
    """
    if len(content) > MAX_DOCUMENT:
        raise Invalid(f"{what}: expected at most {MAX_DOCUMENT} bytes, got {len(content)}", code="oci_document_invalid")
    try:
        return require_object(json.loads(content, parse_constant=_refuse_constant), what)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{what}: expected JSON, got {content[:_SHOWN]!r}", code="oci_document_invalid") from error


def _refuse_constant(name: str) -> None:
    """`NaN` and `Infinity`, which Python reads and JSON does not have."""
    raise ValueError(name)


def require_object(value: object, where: str) -> Mapping[str, Any]:
    """The value at `where`, which must be an object. Raises as `parse_object`."""
    if not isinstance(value, dict):
        raise invalid_document(where, "an object", value)
    return value


def require_string_map(value: object, where: str) -> Mapping[str, str]:
    """The value at `where`, which must be an object of strings, or None. Raises as `parse_object`."""
    document = require_object({} if value is None else value, where)
    if not all(isinstance(text, str) for text in document.values()):
        raise invalid_document(where, "an object of strings", value)
    return document


def invalid_document(where: str, expected: str, got: object) -> Invalid:
    """The error of a value at `where`: what was expected and what came."""
    return Invalid(f"{where}: expected {expected}, got {repr(got)[:_SHOWN]}", code="oci_document_invalid")


def without_empty(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without None and empty objects; empty lists stay."""
    return {name: value for name, value in document.items() if value is not None and value != {}}
