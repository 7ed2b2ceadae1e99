"""One request to a model server of ours, for people who try a deployment."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a server answered.

    Attributes:
        content: as it came, at most what `Predictions.most_bytes` says.
        seconds: from the request's first byte to the answer's last.
    """

    status: int
    media_type: str
    content: bytes
    seconds: float


class Predictions(Protocol):
    """Asks model servers of ours, one request at a time, with no redirect followed."""

    def ask(self, url: str, body: bytes) -> Prediction:
        """Send a JSON body to `/predict` of the server at this address, which a target has observed.

        Raises:
            Busy: code `too_many_predictions`.
            Unavailable: code `prediction_failed`, when it does not answer in time or answers too much.
        """
