"""Responses that were sent, kept in memory to be sent again while the database has counted no change.

A route says with `@cacheable` that its responses may be cached. An ETag is the revision of the one thing that
`If-Match` is about, where there is one, and a digest of the body, which may describe more than that thing:
`"3.9f86d081884c7d65"`.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from modelyard.http.cached_response import CachedResponse

E = TypeVar("E", bound=Callable[..., Any])

_CACHEABLE = "modelyard.cacheable"
_CACHE_CONTROL = "private, no-cache"
_VARY = "Authorization, Accept"
_MAX_BYTES = 64 * 1024 * 1024
_MAX_BODY_BYTES = 1024 * 1024


def cacheable(endpoint: E) -> E:
    """Declare that the responses of a route's function depend on tables that are not volatile, and on nothing else."""
    endpoint.__dict__[_CACHEABLE] = True
    return endpoint


def is_cacheable(endpoint: Any) -> bool:
    """Whether that was declared."""
    return _CACHEABLE in getattr(endpoint, "__dict__", ())


@dataclass(frozen=True, slots=True)
class WholeResponse:
    """A response as it is sent: its first message, its body, and its ETag."""

    start: Message
    body: bytes
    etag: str

    @classmethod
    def of(cls, cached: CachedResponse) -> "WholeResponse":
        """The response to a request that no route has handled, with the headers that a route's would have."""
        etag = _etag("" if cached.revision is None else str(cached.revision), cached.body)
        headers = [
            (b"content-length", b"%d" % len(cached.body)),
            (b"content-type", b"application/json"),
            (b"etag", etag.encode()),
            (b"cache-control", _CACHE_CONTROL.encode()),
            (b"vary", _VARY.encode()),
        ]
        start = {"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers}
        return cls(start, cached.body, etag)

    @classmethod
    def of_route(cls, start: Message, body: bytes) -> "WholeResponse":
        """The response of a route, whose own ETag is the revision of one thing."""
        headers = MutableHeaders(scope=start)
        etag = headers["ETag"] = _etag(headers.get("ETag", "").strip('"'), body)
        headers["Cache-Control"] = _CACHE_CONTROL
        headers.add_vary_header(_VARY)
        return cls(start, body, etag)


@dataclass(frozen=True, slots=True)
class _Entry:
    response: WholeResponse
    change_number: int
    until: float


class ResponseCache:
    """Keeps responses for `ttl_seconds` and up to 64 MB, the least recently used go first; with a ttl of 0 none.

    Keys name the caller, so no response is sent to another one.
    """

    def __init__(self, *, ttl_seconds: float) -> None:
        self._ttl_seconds = ttl_seconds
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, *, change_number: int) -> WholeResponse | None:
        """The response that was made at this number of changes. One of another number is dropped."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.change_number != change_number or entry.until < time.monotonic():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.response

    def put(self, key: Hashable, response: WholeResponse, *, change_number: int | None) -> None:
        """Add a response that was made at this number of changes, or at a later one; None: it is not known."""
        if change_number is None or self._ttl_seconds == 0 or len(response.body) > _MAX_BODY_BYTES:
            return
        earlier = self._entries.pop(key, None)
        self._entries[key] = _Entry(response, change_number, time.monotonic() + self._ttl_seconds)
        self._bytes += len(response.body) - (0 if earlier is None else len(earlier.response.body))
        while self._bytes > _MAX_BYTES:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Hashable) -> None:
        self._bytes -= len(self._entries.pop(key).response.body)


def _etag(revision: str, body: bytes) -> str:
    return f'"{revision}.{hashlib.sha256(body).hexdigest()[:16]}"'
