"""The command `modelyard`: a thin shell over the client. Answers go to stdout, everything else to stderr.

Modules of commands import what they need when they run, so that `modelyard --help` starts at once.
"""

import os
import sys

from modelyard_client.cli.app import app
from modelyard_client.cli.errors import CommandError, ExitCode, command_error
from modelyard_client.errors import ModelyardError

__all__ = ["app", "main"]

_DEBUG = "MODELYARD_DEBUG"
"""An environment variable; set, a fault of the command shows its traceback."""


def main() -> None:
    """Run the command line; ends the process with one of `ExitCode`."""
    try:
        app(prog_name="modelyard")
    except CommandError as error:
        _fail(error)
    except ModelyardError as error:
        _fail(command_error(error))
    except Exception as error:
        if os.environ.get(_DEBUG):
            raise
        _fail(_fault(error))


def _fault(error: Exception) -> CommandError:
    if isinstance(error, UnicodeError):
        return CommandError(
            "expected text in UTF-8, got bytes that are none in an argument, an option or a file",
            exit_code=ExitCode.USAGE,
        )
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return CommandError(f"{where}{error.strerror or error}")
    return CommandError(
        f"this is a fault of modelyard itself ({type(error).__name__}: {error}); {_DEBUG}=1 shows where it is"
    )


def _fail(error: CommandError) -> None:
    sentence = " ".join(error.message.split())
    sys.stderr.write(f"modelyard: {sentence}\n".encode(errors="replace").decode())
    sys.exit(error.exit_code)
