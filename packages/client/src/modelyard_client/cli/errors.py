"""How a command ends: the exit codes, and the one table from errors to them."""

from enum import IntEnum

from modelyard_client.errors import (
    Busy,
    Conflict,
    Forbidden,
    Invalid,
    ModelyardError,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    WaitTimedOut,
)


class ExitCode(IntEnum):
    """What a program can learn from a command's end."""

    OK = 0
    FAILED = 1
    """The job, the deployment or the server failed."""
    USAGE = 2
    """The command line or what it sends is wrong."""
    NOT_FOUND = 3
    DENIED = 4
    """No token, a wrong one, or one that does not allow this."""
    UNAVAILABLE = 5
    """Nothing answers, or it cannot serve now; the same command may go through later."""
    CONFLICT = 6
    """The thing is in a state that does not allow this."""
    TIMED_OUT = 7
    """What was waited for did not happen in time."""
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on; its message is one sentence for people."""

    def __init__(self, message: str, *, exit_code: int = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


_EXIT_CODES: tuple[tuple[type[ModelyardError], ExitCode], ...] = (
    (Invalid, ExitCode.USAGE),
    (TooLarge, ExitCode.USAGE),
    (NotFound, ExitCode.NOT_FOUND),
    (Unauthenticated, ExitCode.DENIED),
    (Forbidden, ExitCode.DENIED),
    (Unavailable, ExitCode.UNAVAILABLE),
    (Busy, ExitCode.UNAVAILABLE),
    (UnexpectedAnswer, ExitCode.UNAVAILABLE),
    (Conflict, ExitCode.CONFLICT),
    (WaitTimedOut, ExitCode.TIMED_OUT),
)

_HINTS = {
    "unreachable": "`modelyard up` starts the local stack, --url or MODELYARD_URL names another",
    "revision_changed": "look at it again before the command is repeated",
    "several_models_logged": "choose one with --logged-model, or the best with --best-of METRIC",
    "deployment_ambiguous": "name one by its id, or its version with --version",
}


def command_error(error: ModelyardError) -> CommandError:
    """The same error as a command prints it, with a hint where there is one."""
    exit_code = next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), ExitCode.FAILED)
    hint = _HINTS.get(error.code)
    if isinstance(error, Unauthenticated):
        hint = "set MODELYARD_TOKEN, or --home to the folder of the local stack"
    if error.request_id and exit_code is ExitCode.FAILED:
        hint = f"the server's log has more on request {error.request_id}"
    return CommandError(f"{error.message}; {hint}" if hint else error.message, exit_code=exit_code)
