"""What a command's test asks for, as types."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    exit_code: int
    out: str
    err: str


class Run(Protocol):
    """Runs one command with these arguments, and these bytes on stdin."""

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ended: ...
