"""One request to a model server of ours, for people who try a deployment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a server answered.

    Attributes:
        headers: of the answer, by their names in lower case; several of one name have commas between them.
        content: as it came, at most what `Predictions.most_bytes` says.
        seconds: from the request's first byte to the answer's last.
    """

    status: int
    media_type: str
    headers: Mapping[str, str]
    content: bytes
    seconds: float


class Predictions(Protocol):
    """Asks model servers of ours, one request at a time, with no redirect followed."""

    def ask(self, url: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> Prediction:
        """Send a JSON body to `/predict` of the server at this address, which a target has observed.

        Args:
            headers: of the request, besides those that its body and its connection have.

        Raises:
            Busy: code `too_many_predictions`.
            Unavailable: code `prediction_failed`, when it does not answer in time or answers too much.
        """
