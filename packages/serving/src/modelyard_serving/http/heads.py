"""Heads of requests that were parsed before, by their bytes.

A client that keeps its connection sends the same head with each request, but for the length of the body. What these
bytes mean is decided by them alone, so a head that was parsed and accepted is not parsed again.
"""

from dataclasses import dataclass

from modelyard_serving.http.exchange import HeaderMap, Request

_END = b"\r\n\r\n"
_MAX_HEADS = 256
_MAX_HEAD_BYTES = 1024
_NOT_REPEATABLE = ("transfer-encoding", "expect", "upgrade")


@dataclass(frozen=True, slots=True)
class _Head:
    method: str
    path: str
    query: str
    headers: HeaderMap
    body_bytes: int


class Heads:
    """The heads that one server has accepted; at most 256 of a kilobyte each."""

    def __init__(self) -> None:
        self._heads: dict[bytes, _Head] = {}

    def request(self, data: bytes) -> Request | None:
        """The request that `data` is, when it is all of one request and nothing else, with a head that is known."""
        end = data.find(_END, 0, _MAX_HEAD_BYTES) + len(_END)
        head = self._heads.get(data[:end])
        if head is None or len(data) - end != head.body_bytes:
            return None
        return Request(head.method, head.path, head.headers, data[end:], head.query)

    def remember(self, data: bytes, request: Request) -> None:
        """Know the head from now on.

        Args:
            data: from the first byte of the head on.
            request: what was parsed of it; its sender was trusted for its `Host`, and its connection is kept.
        """
        end = data.find(_END, 0, _MAX_HEAD_BYTES) + len(_END)
        length = request.headers.get("content-length", "0")
        if len(data) - end != len(request.body) or length != str(len(request.body)):
            return
        if any(name in request.headers for name in _NOT_REPEATABLE):
            return
        if len(self._heads) >= _MAX_HEADS:
            self._heads.clear()  # Of a client whose heads are never the same there is nothing to keep.
        self._heads[data[:end]] = _Head(request.method, request.path, request.query, request.headers, len(request.body))
