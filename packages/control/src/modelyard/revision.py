"""Compare and set: whether who changes something saw its newest state. Pure."""

from modelyard.errors import Precondition


def check_revision(expected: int | None, current: int, *, subject: str) -> None:
    """Refuse a change that is based on an older state, if the caller says on which.

    Raises:
        Precondition: code `revision_changed`.
    """
    if expected is not None and expected != current:
        raise Precondition(
            f"If-Match: {subject} is at revision {current}, not {expected}: somebody else changed it",
            code="revision_changed",
            field="If-Match",
        )
