"""Which of what can be made or fetched again goes, so that caches stay within their bounds. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

GRACE = timedelta(hours=1)
"""What was used so recently may be used by what runs now, and stays."""


@dataclass(frozen=True, slots=True)
class CacheBounds:
    """How much may be kept, and for how long after it was used last."""

    max_bytes: int
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class CachedItem:
    """Something that can be made or fetched again. Several may share files."""

    name: str
    unused_for: timedelta
    files: Mapping[str, int]
    """Sizes in bytes, by what identifies a file."""


def surplus(items: Iterable[CachedItem], bounds: CacheBounds) -> Iterator[CachedItem]:
    """What goes, in this order: what was unused for too long, then what was used longest ago until the rest fits."""
    known = list(items)
    users = Counter(file for item in known for file in item.files)
    sizes = {file: size for item in known for file, size in item.files.items()}
    total = sum(sizes.values())
    for item in sorted(known, key=lambda item: item.unused_for, reverse=True):
        if item.unused_for < GRACE or (item.unused_for <= bounds.max_age and total <= bounds.max_bytes):
            return
        yield item
        users.subtract(item.files.keys())
        total -= sum(size for file, size in item.files.items() if not users[file])
