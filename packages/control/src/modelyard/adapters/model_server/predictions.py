"""Predictions of model servers, over HTTP."""

import threading
import time
from collections.abc import Sequence

import httpx

from modelyard.errors import Busy, Unavailable
from modelyard.ports.predictions import Prediction

_SECONDS = 30.0
_AT_ONCE = 4
_MOST_BYTES = 4 * 1024 * 1024


class HttpPredictions:
    """See `ports/predictions.py`. An answer has thirty seconds and four megabytes; four are waited for at one time, so
    that slow models do not keep the threads of the management API.
    """

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def ask(self, url: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> Prediction:
        """See the port."""
        if not self._places.acquire(blocking=False):
            raise Busy(
                f"{_AT_ONCE} predictions are tried just now; try again in a moment",
                code="too_many_predictions",
                retry_after_seconds=1,
            )
        try:
            return self._ask(url, body, headers)
        finally:
            self._places.release()

    def _ask(self, url: str, body: bytes, given: Sequence[tuple[str, str]]) -> Prediction:
        began = time.monotonic()
        accept = [] if any(name == "accept" for name, _ in given) else [("accept", "application/json")]
        headers = [("content-type", "application/json"), *accept, *given]
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        try:
            with (
                httpx.Client(timeout=_SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream("POST", f"{url.rstrip('/')}/predict", content=body, headers=sent) as response,
            ):
                content = bytearray()
                for part in response.iter_bytes():
                    content += part
                    if len(content) > _MOST_BYTES or time.monotonic() - began > _SECONDS:
                        raise _failed(f"it answers more than {_MOST_BYTES} bytes, or longer than {_SECONDS:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise _failed(str(exc) or type(exc).__name__) from exc
        media_type = response.headers.get("content-type", "")
        return Prediction(
            status=response.status_code,
            media_type=media_type,
            headers=dict(response.headers),
            content=bytes(content),
            seconds=time.monotonic() - began,
        )


def _failed(reason: str) -> Unavailable:
    return Unavailable(f"the model server gave no prediction: {reason}", code="prediction_failed")
