"""Becomes a program of the stack: ends what its last start left, takes its priority, environment and isolation, and
executes it.

`python -P -m modelyard.local.launch FILE`, started by supervisord, with FILE as `ProgramFiles` writes it.
"""

import json
import os
import signal
import sys
from pathlib import Path

from modelyard.isolation import Confinement
from modelyard.supervision.environment import Scope, inherited
from modelyard.supervision.generations import Generation
from modelyard.supervision.programs import digest_of


def launch(path: Path) -> None:
    """Become the program of this file. Does not return."""
    # What is ignored stays ignored over `execve`: SIGHUP ends no program that is still to set its handler.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    content = path.read_text(encoding="utf-8")
    program = json.loads(content)
    record = Path(program["generation"])
    previous = Generation.read(record)
    if previous is not None:
        previous.end(timeout_seconds=program["stop_seconds"])
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    Generation.of(os.getpid(), digest=digest_of(content)).write(record)
    os.nice(program["nice"])
    environment = inherited(Scope(program["scope"]), os.environ) | program["environment"]
    command = program["command"]
    try:
        if program["confinement"] is not None:
            Confinement.read(program["confinement"]).enter()
    except OSError as exc:
        sys.exit(f"The isolation of {command[0]} cannot be set up: {exc.strerror}.")
    try:
        os.execve(command[0], command, environment)  # noqa: S606  # A list, never a shell (law 9).
    except OSError as exc:
        sys.exit(f"{command[0]} cannot be started: {exc.strerror}.")


if __name__ == "__main__":
    launch(Path(sys.argv[1]))
