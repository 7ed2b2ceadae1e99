"""Reads JSON that others wrote, field by field, and writes it canonically. Pure."""

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


def parsed_object(content: bytes, what: str) -> Mapping[str, Any]:
    """The object that these bytes are.

    Raises:
        Invalid: code `oci_document_invalid`.
    """
    if len(content) > MAX_DOCUMENT:
        raise Invalid(f"{what}: expected at most {MAX_DOCUMENT} bytes, got {len(content)}", code="oci_document_invalid")
    try:
        return an_object(json.loads(content, parse_constant=_refuse_constant), what)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{what}: expected JSON, got {content[:_SHOWN]!r}", code="oci_document_invalid") from error


def _refuse_constant(name: str) -> None:
    """`NaN` and `Infinity`, which Python reads and JSON does not have."""
    raise ValueError(name)


def an_object(value: object, where: str) -> Mapping[str, Any]:
    """The value at `where`, which must be an object. Raises as `parsed_object`."""
    if not isinstance(value, dict):
        raise wrong(where, "an object", value)
    return value


def an_object_of_strings(value: object, where: str) -> Mapping[str, str]:
    """The value at `where`, which must be an object of strings, or None. Raises as `parsed_object`."""
    document = an_object({} if value is None else value, where)
    if not all(isinstance(text, str) for text in document.values()):
        raise wrong(where, "an object of strings", value)
    return document


def wrong(where: str, expected: str, got: object) -> Invalid:
    """The error that says what stands at `where` instead of what is expected."""
    return Invalid(f"{where}: expected {expected}, got {repr(got)[:_SHOWN]}", code="oci_document_invalid")


def without_empty(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is not there is not written; an empty list of layers is."""
    return {name: value for name, value in document.items() if value is not None and value != {}}
