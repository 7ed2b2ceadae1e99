"""What can go wrong, as exceptions with a stable code. Their text is one sentence for people; programs read `code`.

They carry what the management API answered: see the table of kinds in the API's description.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ModelyardError(Exception):
    """Anything that this client raises on purpose.

    Args:
        message: one sentence: what is wrong, what was expected, what came.
        code: stable and machine-readable, for example `model_name_invalid`.
        field: the request's field that is at fault, dotted, if there is one.
        request_id: what the server calls the request in its log, if a server answered.
        status: the HTTP status, if a server answered.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        field: str | None = None,
        request_id: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field
        self.request_id = request_id
        self.status = status


class Invalid(ModelyardError):
    """The request's content is wrong; the server said so, or the client did before it sent anything."""


class Unauthenticated(ModelyardError):
    """No token, or one that is unknown, expired or revoked."""


class Forbidden(ModelyardError):
    """The token is good and does not allow this."""


class NotFound(ModelyardError):
    """There is no such thing, or it is not the caller's to know of."""


class Conflict(ModelyardError):
    """The resource's state does not allow this, or it was changed concurrently."""


class PreconditionFailed(Conflict):
    """The thing has changed since it was read."""


class TooLarge(ModelyardError):
    """The request is larger than the limit that the message names."""


class Busy(ModelyardError):
    """A limit on requests or jobs is reached; the same call may go through later."""


class Unavailable(ModelyardError):
    """Nothing answers, or what answers cannot serve now; the same call may go through later."""


class Internal(ModelyardError):
    """The server failed; its log has the cause under the request id."""


class UnexpectedAnswer(ModelyardError):
    """The answer is not what this client understands: the address is not Modelyard's, or the versions do not match."""


class WaitTimedOut(ModelyardError):
    """What was waited for did not happen in time; it may still happen."""


class EndedJob(Protocol):
    """What an error holds of its job: a `modelyard_client.Job` that has ended."""

    @property
    def job_id(self) -> str:
        """By which the API knows it."""

    @property
    def status(self) -> str:
        """`failed` or `cancelled`."""

    @property
    def phase(self) -> str | None:
        """What it was at."""

    @property
    def model_name(self) -> str | None:
        """The model that it was for."""

    @property
    def logged_models(self) -> Sequence[Mapping[str, Any]]:
        """What its script had logged: `name`, `model_uri` and `run_id` of each."""


class JobFailed(ModelyardError):
    """A job ended, and not well: it failed or was cancelled."""

    def __init__(self, message: str, *, code: str, job: EndedJob) -> None:
        super().__init__(message, code=code)
        self.job = job
