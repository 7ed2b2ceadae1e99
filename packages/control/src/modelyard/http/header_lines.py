"""Headers that somebody writes down as lines, `name: value`, in a query or a form. Pure."""

import re
from collections.abc import Sequence

from modelyard.errors import Invalid

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
"""A token of RFC 9110, section 5.6.2."""
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_SHOWN = 80


def header_of(line: str) -> tuple[str, str]:
    """The name, in lower case, and the value.

    Raises:
        Invalid: code `header_invalid`; there is no colon, or a character that no header has.
    """
    name, colon, value = (part.strip() for part in line.partition(":"))
    if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise Invalid(f"header: expected 'name: value', got {line[:_SHOWN]!r}", code="header_invalid", field="header")
    return name.lower(), value


def headers_of(lines: Sequence[str]) -> list[tuple[str, str]]:
    """The headers of several lines, in their order. Raises as `header_of` does."""
    return [header_of(line) for line in lines]
