"""What can go wrong in the model server, as kinds. A transport maps kinds to its own codes, in one table of its own."""

from enum import StrEnum


class Kind(StrEnum):
    """What an error is, apart from any transport."""

    INVALID = "invalid"  # The request is wrong: 400, INVALID_ARGUMENT.
    FORBIDDEN = "forbidden"  # 403, PERMISSION_DENIED.
    NOT_FOUND = "not_found"  # 404, NOT_FOUND.
    CONFLICT = "conflict"  # The server has another model than the caller named: 409, FAILED_PRECONDITION.
    MISDIRECTED = (
        "misdirected"  # Another version at this address was meant, which may still be there: 421, UNAVAILABLE.
    )
    METHOD_NOT_ALLOWED = "method_not_allowed"  # 405, UNIMPLEMENTED.
    TOO_LARGE = "too_large"  # 413, RESOURCE_EXHAUSTED.
    UNSUPPORTED = "unsupported"  # 415 for an encoding, 501 for an operation; UNIMPLEMENTED.
    BUSY = "busy"  # 503 with Retry-After, UNAVAILABLE.
    UNAVAILABLE = "unavailable"  # Draining or not ready: 503, UNAVAILABLE.
    TIMEOUT = "timeout"  # 504, DEADLINE_EXCEEDED.
    INTERNAL = "internal"  # The model's or our fault: 500, INTERNAL, and no text of the exception on the wire.


class ServingError(Exception):
    """An error that is reported to the caller: its message is written for the wire and holds no secret and no
    traceback."""

    kind: Kind = Kind.INTERNAL

    def __init__(self, message: str, *, kind: Kind | None = None) -> None:
        super().__init__(message)
        self.message = message
        if kind is not None:
            self.kind = kind


class InvalidInput(ServingError):
    """The request's content is wrong; the message names the field, what was expected and what came."""

    kind = Kind.INVALID


class UsageError(ServingError):
    """The command line or the configuration is wrong; reported at start, never on the wire."""


class InvalidModel(ServingError):
    """The model on disk cannot be served; reported at start, never on the wire."""


class MissingExtra(InvalidModel):
    """A library that the model needs is not installed; the message names the extra of `modelyard-serving`."""

    def __init__(self, *, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs an extra: pip install 'modelyard-serving[{extra}]'")
        self.extra = extra
