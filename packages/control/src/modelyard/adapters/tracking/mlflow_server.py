"""Calls to one MLflow server: whether it answers, and what its library's exceptions are in our words."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from modelyard.adapters.tracking.artifact_addresses import ArtifactAddresses
from modelyard.adapters.tracking.mlflow_library import MlflowLibrary
from modelyard.errors import ModelyardError, NotFound, Unavailable
from modelyard.ports.tracking import NOT_TRACKED

_PAGE = 1000
_LATELY = 2.0
"""Seconds."""
_MANY = 8
"""Calls at once, of the forty that the API's threads could make."""


class MlflowServer:
    """A server and its client.

    Args:
        uri: the server's address, http or https.
        artifact_root: where it keeps artifacts, if it does not hand them out itself.
    """

    def __init__(self, *, uri: str, artifact_root: str | None = None) -> None:
        self.uri = uri.rstrip("/")
        self.library = MlflowLibrary(self.uri, ArtifactAddresses(artifact_root))
        self._heard_at = -math.inf
        self._counting = threading.Lock()
        self._under_way = 0

    def is_reachable(self) -> bool:
        """Ask for its health, without the library."""
        try:
            return httpx.get(f"{self.uri}/health", timeout=1).is_success
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    @contextmanager
    def call(self, wanted: str) -> Iterator[Any]:
        """Give the client, and translate what the library raises.

        A server from which nothing was heard lately, or of which many wait, is looked at first: the library waits a
        minute for one that hangs, and whoever waits holds a thread that others need.
        """
        is_doubtful = time.monotonic() - self._heard_at > _LATELY or self._under_way >= _MANY
        if is_doubtful and not self._is_heard():
            raise self._unavailable()
        with self._counted():
            try:
                yield self.library.client
            except self.library.errors as exc:
                raise self._translated(exc, wanted) from exc
        self._heard_at = time.monotonic()

    def nonsense(self) -> Unavailable:
        """What says that something else than MLflow answers at its address."""
        return Unavailable(f"The tracker at {self.uri} does not answer as MLflow does.", code="tracking_unavailable")

    @contextmanager
    def drop(self, unwanted: str) -> Iterator[Any]:
        """As `call`, for taking away what may not be there."""
        with suppress(NotFound), self.call(unwanted) as client:
            yield client

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            self._under_way += 1
        try:
            yield
        finally:
            with self._counting:
                self._under_way -= 1

    def _is_heard(self) -> bool:
        """Whether it says anything at all within a second: some proxies let nobody ask for health."""
        try:
            httpx.get(f"{self.uri}/health", timeout=1)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        self._heard_at = time.monotonic()
        return True

    def _unavailable(self) -> Unavailable:
        return Unavailable(f"The tracker at {self.uri} does not answer.", code="tracking_unavailable")

    def _translated(self, exc: Exception, wanted: str) -> ModelyardError:
        if self.library.is_missing(exc):
            return NotFound(f"The tracker has no {wanted}.", code=NOT_TRACKED)
        if self.library.is_nonsense(exc):
            return self.nonsense()
        if self.library.is_unreachable(exc) or not self.is_reachable():
            self._heard_at = -math.inf
            return self._unavailable()
        return ModelyardError(f"The tracker refused a call about {wanted}.", code="tracking_failed")


def pages(search: Callable[..., Any], *arguments: Any, max_results: int = _PAGE, **options: Any) -> Iterator[Any]:
    """All results of a search, page after page."""
    token = None
    while True:
        page = search(*arguments, max_results=max_results, page_token=token, **options)
        yield from page
        token = page.token
        if not token:
            return
