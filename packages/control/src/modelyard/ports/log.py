"""A log that grows, read by offset: where it is kept is its owner's business."""

from dataclasses import dataclass

LARGEST_PART = 256 * 1024
"""What one part holds at most."""


@dataclass(frozen=True, slots=True)
class LogPart:
    """The bytes of a log from an offset on; empty where nothing more is there yet. Of a log that is shorter than the
    offset, as it was rotated, the bytes from its beginning."""

    content: bytes
    next_offset: int
    """Where the next part begins."""
    is_end: bool
    """Whether nothing will ever stand at `next_offset`."""
