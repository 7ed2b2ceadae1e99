"""The life of an upload, as a table."""

from enum import StrEnum


class UploadStatus(StrEnum):
    """Where an upload stands."""

    OPEN = "open"
    """It takes bytes."""
    SUBMITTED = "submitted"
    """It is whole, and its job registers it."""
    CLOSED = "closed"
    """Its bytes are gone from here: registered, refused, given up or expired."""


TRANSITIONS: dict[UploadStatus, frozenset[UploadStatus]] = {
    UploadStatus.OPEN: frozenset({UploadStatus.SUBMITTED, UploadStatus.CLOSED}),
    UploadStatus.SUBMITTED: frozenset({UploadStatus.CLOSED}),
    UploadStatus.CLOSED: frozenset(),
}
