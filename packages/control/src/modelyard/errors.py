"""What can go wrong, as kinds with stable codes. A transport maps kinds to its own numbers in one table of its own."""

from enum import StrEnum


class Kind(StrEnum):
    """What an error is, apart from any transport."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    TOO_LARGE = "too_large"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    DISK_FULL = "disk_full"
    INTERNAL = "internal"


class ModelyardError(Exception):
    """An error that is reported to the caller: its sentence is written for the wire, without a traceback or a secret.

    Args:
        message: one sentence that names what was wrong, what was expected and what came.
        kind: what it is; subclasses fix it.
        code: stable and machine-readable, for example `model_name_invalid`.
        field: the request's field that is at fault, dotted (`requirements.0`), if there is one.
    """

    kind: Kind = Kind.INTERNAL

    def __init__(self, message: str, *, code: str, field: str | None = None, kind: Kind | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field
        if kind is not None:
            self.kind = kind


class Invalid(ModelyardError):
    """The request's content is wrong."""

    kind = Kind.INVALID


class Unauthenticated(ModelyardError):
    """No token, or one that is unknown, expired or revoked."""

    kind = Kind.UNAUTHENTICATED


class Forbidden(ModelyardError):
    """The caller is known and may not do this."""

    kind = Kind.FORBIDDEN


class NotFound(ModelyardError):
    """There is no such thing, or it is not the caller's to know of."""

    kind = Kind.NOT_FOUND


class Conflict(ModelyardError):
    """The thing is in a state that does not allow this, or somebody else was faster."""

    kind = Kind.CONFLICT


class Precondition(ModelyardError):
    """What the caller has seen is not what is there any more: somebody else was faster."""

    kind = Kind.PRECONDITION


class TooLarge(ModelyardError):
    """The request is larger than the limit that the message names."""

    kind = Kind.TOO_LARGE


class Busy(ModelyardError):
    """Too much at once; the same call goes through later."""

    kind = Kind.BUSY

    def __init__(self, message: str, *, code: str, retry_after_seconds: float) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(ModelyardError):
    """A system that we need does not answer now; the same call may go through later, so a job waits and repeats it."""

    kind = Kind.UNAVAILABLE


class DiskFull(Unavailable):
    """There is no space for this. What takes space fails with it; what only writes an end down is repeated."""

    kind = Kind.DISK_FULL

    def __init__(self, message: str) -> None:
        super().__init__(message, code="disk_full")
