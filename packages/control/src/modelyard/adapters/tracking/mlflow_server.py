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
_LATELY, _PATIENCE = 2.0, 3.0
"""Seconds."""
_MANY = 8
"""Calls at once, of the forty that the API's threads could make."""


class MlflowServer:
    """A server and its client.

    Args:
        uri: the server's address, http or https; or `databricks`, which the library finds.
        artifact_root: where it keeps artifacts, if it does not hand them out itself.
        credential: our token there, if it is ours.
    """

    def __init__(self, *, uri: str, artifact_root: str | None = None, credential: str | None = None) -> None:
        self.uri = uri.rstrip("/")
        self._has_address = self.uri.startswith(("http://", "https://"))
        self.library = MlflowLibrary(self.uri, ArtifactAddresses(artifact_root), credential)
        self._heard_at = -math.inf
        self._silent_at = -math.inf
        self._looking = threading.Lock()
        self._counting = threading.Condition()
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
        if self._has_address and self._is_doubtful() and not self._is_heard():
            raise self._unavailable()
        with self._counted():
            try:
                yield self.library.client
            except self.library.errors as exc:
                raise self._translated(exc, wanted) from exc
            self._hear()

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
                self._counting.notify_all()

    def _is_doubtful(self) -> bool:
        """Whether nothing was heard lately. Who finds many waiting waits for a moment that one of them is answered."""
        began = time.monotonic()
        with self._counting:
            self._counting.wait_for(lambda: self._under_way < _MANY or self._heard_at > began, timeout=_PATIENCE)
            return time.monotonic() - self._heard_at > _LATELY

    def _hear(self) -> None:
        self._heard_at = time.monotonic()

    def _is_heard(self) -> bool:
        """Whether it says anything at all in a while: it may be busy, and some proxies let nobody ask for health.

        One looks, and who comes meanwhile takes what it has seen.
        """
        began = time.monotonic()
        with self._looking:
            if max(self._heard_at, self._silent_at) > began:
                return self._heard_at > began
            try:
                httpx.get(f"{self.uri}/health", timeout=_PATIENCE)
            except (httpx.HTTPError, httpx.InvalidURL):
                self._silent_at = time.monotonic()
                return False
            self._hear()
            return True

    def _unavailable(self) -> Unavailable:
        return Unavailable(f"The tracker at {self.uri} does not answer.", code="tracking_unavailable")

    def _translated(self, exc: Exception, wanted: str) -> ModelyardError:
        if self.library.is_missing(exc):
            return NotFound(f"The tracker has no {wanted}.", code=NOT_TRACKED)
        if self.library.is_nonsense(exc):
            return self.nonsense()
        if self.library.is_unreachable(exc) or (self._has_address and not self.is_reachable()):
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
