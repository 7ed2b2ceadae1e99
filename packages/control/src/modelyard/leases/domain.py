"""What a lease is. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one process to do what `name` stands for, until somebody else may take it over.

    `fence` grows each time that the lease changes hands, so a former holder is recognized however late it comes.
    """

    name: str
    holder: str
    fence: int


class LeaseLostError(Exception):
    """This process does not hold the lease any more: another one has taken over, and goes on with the work.

    It is no error of what was asked for, so it is none of `modelyard.errors`: what handles those shall not see it.
    """

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"another process has taken over '{lease.name}'")


class LeavingError(Exception):
    """This process is ending: it begins nothing more."""


def process_name(holder: str) -> str:
    """The name of the lease that a process holds for as long as it lives."""
    return f"process/{holder}"
