"""Everything that is listed in pages."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from modelyard.paging import Page

_T = TypeVar("_T")


def every(page: Callable[[str | None], Page[_T]]) -> Iterator[_T]:
    """The items of all pages."""
    cursor: str | None = None
    while True:
        found = page(cursor)
        yield from found.items
        cursor = found.next_cursor
        if cursor is None:
            return
