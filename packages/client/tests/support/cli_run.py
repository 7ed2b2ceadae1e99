"""What a command's test asks for, as types; and all commands, made once in a process."""

from dataclasses import dataclass
from functools import cache
from typing import Protocol

from typer.main import get_command

known_command = cache(get_command)
"""In place of `typer.main.get_command`, which makes all commands anew for each line, six times the work of the line."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    exit_code: int
    out: str
    err: str


class Run(Protocol):
    """Runs one command with these arguments, and these bytes on stdin."""

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ended: ...
