"""The command `modelyard`: a thin shell over the client. Answers go to stdout, everything else to stderr.

Modules of commands import what they need when they run, so that `modelyard --help` starts at once.
"""

import sys

from modelyard_client.cli.app import app
from modelyard_client.cli.errors import CommandError, command_error
from modelyard_client.errors import ModelyardError

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; ends the process with one of `ExitCode`."""
    try:
        app(prog_name="modelyard")
    except CommandError as error:
        _fail(error)
    except ModelyardError as error:
        _fail(command_error(error))


def _fail(error: CommandError) -> None:
    sentence = " ".join(error.message.split())
    sys.stderr.write(f"modelyard: {sentence}\n")
    sys.exit(error.exit_code)
