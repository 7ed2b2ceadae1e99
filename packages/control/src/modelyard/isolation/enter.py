"""Executes a program in its confinement: `python -P -m modelyard.isolation.enter CONFINEMENT PROGRAM [ARGUMENT…]`.

For callers with several threads, whose children must do nothing between fork and exec. CONFINEMENT is JSON.
"""

import json
import os
import sys

from modelyard.isolation.confinement import Confinement


def enter(confinement: str, program: list[str]) -> None:
    """Become the program. Does not return."""
    try:
        Confinement.read(json.loads(confinement)).enter()
        os.execv(program[0], program)  # noqa: S606  # A list, never a shell (law 9).
    except OSError as exc:
        sys.exit(f"error: {os.path.basename(program[0])} cannot be started in isolation: {exc.strerror}")  # noqa: PTH119


if __name__ == "__main__":
    enter(sys.argv[1], sys.argv[2:])
