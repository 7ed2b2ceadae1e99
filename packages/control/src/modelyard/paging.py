"""Keyset pages: a cursor says after which row the next page begins, so a page costs the same wherever it is."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from modelyard.errors import Invalid
from modelyard.plain import plain_text

T = TypeVar("T")
MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_CURSOR = 4000  # A cursor may hold a name of 255 characters, each of four bytes, and another cursor.
_MAX_DIGITS = 19  # What every database keeps in 64 bits.


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of the next page, None at the end."""

    items: Sequence[T]
    next_cursor: str | None


def encode_cursor(*key: str) -> str:
    """An opaque cursor for the key of the last row of a page."""
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"))  # Escaped, long names would be thrice as long.
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, parts: int) -> list[str]:
    """The key behind a cursor of ours. Anybody can write one, so it holds plain words and nothing else.

    Raises:
        Invalid: code `cursor_invalid`.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError) as exc:
        raise invalid_cursor() from exc
    if not isinstance(key, list) or len(key) != parts:
        raise invalid_cursor()
    if not all(isinstance(part, str) and part == plain_text(part) for part in key):
        raise invalid_cursor()
    return key


def decode_number_cursor(cursor: str) -> int:
    """The number behind a cursor of ours.

    Raises:
        Invalid: code `cursor_invalid`.
    """
    (number,) = decode_cursor(cursor, parts=1)
    if not (number.isascii() and number.isdigit() and len(number) < _MAX_DIGITS):
        raise invalid_cursor()
    return int(number)


def encode_time_cursor(at: datetime, key: str) -> str:
    """A cursor for a list that is ordered by time, and by a key among rows of one time."""
    return encode_cursor(at.isoformat(), key)


def decode_time_cursor(cursor: str) -> tuple[datetime, str]:
    """The time, in UTC, and the key behind a cursor of ours.

    Raises:
        Invalid: code `cursor_invalid`.
    """
    at, key = decode_cursor(cursor, parts=2)
    try:
        time = datetime.fromisoformat(at)
        if time.tzinfo is None:
            raise invalid_cursor()
        return time.astimezone(UTC), key
    except (ValueError, OverflowError) as exc:
        raise invalid_cursor() from exc


def invalid_cursor() -> Invalid:
    """What every cursor that is none of ours is answered with."""
    return Invalid(
        "cursor: expected the next_cursor of an earlier page, got something else", code="cursor_invalid", field="cursor"
    )
