"""What a model server has counted of its inputs and answers, in the bins of its training data's profile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ServedCounts:
    """The counters of one server, since it started."""

    version: str
    instance: str
    """Of the server that answered. Behind one address there may be several, and one that starts anew is another one."""
    profile: str
    """The digest of the profile in whose bins it counts."""
    counts: Sequence[Sequence[int]]
    """For each feature its bins, missing values, unseen values."""


class DriftCounts(Protocol):
    """Asks model servers of ours."""

    def fetch(self, url: str) -> ServedCounts | None:
        """The counters of a server at this address, which a target has observed; None when it does not answer, or has
        no profile to count by. Takes seconds at most, and never raises."""
