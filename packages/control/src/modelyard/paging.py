"""Keyset pages: a cursor says after which row the next page begins, so a page costs the same wherever it is."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from modelyard.errors import Invalid

T = TypeVar("T")
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of the next page, None at the end."""

    items: Sequence[T]
    next_cursor: str | None


def encode_cursor(*key: Any) -> str:
    """An opaque cursor for the key (JSON values) of the last row of a page."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, parts: int) -> list[Any]:
    """The key behind a cursor of ours.

    Raises:
        Invalid: code `cursor_invalid`.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as exc:
        raise _invalid() from exc
    if not isinstance(key, list) or len(key) != parts:
        raise _invalid()
    return key


def _invalid() -> Invalid:
    return Invalid(
        "cursor: expected the next_cursor of an earlier page, got something else", code="cursor_invalid", field="cursor"
    )
