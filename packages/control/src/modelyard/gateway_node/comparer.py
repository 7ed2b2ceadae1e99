"""Compares the answers of a shadow with those that callers get: it receives copies of requests on a unix socket.

A copy is sent to both versions, and what they answer is compared here, so it leaves no trace of a request's content:
counts, times, and for some differences where they were. What comes faster than it can compare is dropped by Envoy,
whose cluster of it takes few requests at once; no caller waits for it.
"""

import socketserver
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from modelyard.gateway_node.answers import first_difference
from modelyard.gateway_node.configuration import Configuration

COMPARER = "modelyard-comparer"
"""The cluster that copies are sent to."""
COMPARE_HEADER = "modelyard-compare"
"""On a copy: the clusters of the version that answers callers and of the shadow, the tolerance, and the comparison."""
_DROPPED = frozenset({COMPARE_HEADER, "modelyard-shadow", "connection", "content-length", "transfer-encoding", "host"})
_MOST_BYTES = 1 << 20
_MOST_ANSWER = 16 << 20
_MOST_COMPARISONS = 100
"""Of which a node knows what it found; the one that was asked for least recently goes first."""
_ANSWER_SECONDS = 10.0
_KEPT_EXAMPLES = 20
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Example:
    """One request on which two versions differed."""

    request_id: str
    difference: str


@dataclass(frozen=True, slots=True)
class ComparisonCounters:
    """A shadow beside the deployment that answers callers, since the node started."""

    backend: str
    against: str
    compared: int
    different: int
    backend_ms: float
    """Of all compared answers together."""
    against_ms: float
    examples: tuple[Example, ...] = ()
    """The last ones that differed."""
    comparison: str = ""
    """By which a split or a roll-out knows its own."""


@dataclass(slots=True)
class _Tally:
    compared: int = 0
    different: int = 0
    backend_ms: float = 0.0
    against_ms: float = 0.0
    examples: deque[Example] = field(default_factory=lambda: deque(maxlen=_KEPT_EXAMPLES))


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    """0 where there was none, or a larger one than is compared."""
    body: bytes
    milliseconds: float
    """Until there was one, or it was given up."""


class Comparer:
    """The server on the socket, and what it has found."""

    def __init__(self, path: Path, *, configuration: Callable[[], Configuration | None]) -> None:
        self._path = path
        self._configuration = configuration
        self._tallies: dict[tuple[str, str, str], _Tally] = {}
        self._lock = threading.Lock()
        self._server: _UnixServer | None = None

    def start(self) -> None:
        """Receive copies until `stop`."""
        self._path.unlink(missing_ok=True)
        self._server = _UnixServer(self._path, self)
        self._path.chmod(0o600)
        threading.Thread(target=self._server.serve_forever, name="comparer", daemon=True).start()

    def stop(self) -> None:
        """Receive no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._path.unlink(missing_ok=True)

    def counters(self) -> tuple[ComparisonCounters, ...]:
        """What was found since the start."""
        with self._lock:
            return tuple(
                ComparisonCounters(
                    comparison=comparison,
                    backend=backend,
                    against=against,
                    compared=tally.compared,
                    different=tally.different,
                    backend_ms=round(tally.backend_ms, 3),
                    against_ms=round(tally.against_ms, 3),
                    examples=tuple(tally.examples),
                )
                for (comparison, backend, against), tally in sorted(self._tallies.items())
            )

    def compare(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send a copy to both versions, and count whether they agree. Where the former fails nothing is compared."""
        against, backend, tolerance, comparison = headers[COMPARE_HEADER].split()
        addresses = addresses_of(self._configuration())
        if against not in addresses or backend not in addresses:
            return
        sent = {name: value for name, value in headers.items() if name not in _DROPPED}
        expected = _ask(addresses[against], path, sent, body)
        actual = _ask(addresses[backend], path, sent, body)
        if expected.status != HTTPStatus.OK:
            return
        difference = _difference(expected, actual, float(tolerance))
        with self._lock:
            tally = self._tally(comparison, _deployment(backend), _deployment(against))
            tally.compared += 1
            tally.against_ms += expected.milliseconds
            tally.backend_ms += actual.milliseconds
            if difference is not None:
                tally.different += 1
                tally.examples.append(Example(headers.get("x-request-id", "")[:100], difference))

    def _tally(self, comparison: str, backend: str, against: str) -> "_Tally":
        """Where to count; the lock is held."""
        key = comparison, backend, against
        self._tallies[key] = tally = self._tallies.pop(key, None) or _Tally()
        if len(self._tallies) > _MOST_COMPARISONS:
            del self._tallies[next(iter(self._tallies))]
        return tally


def addresses_of(configuration: Configuration | None) -> Mapping[str, Address]:
    """Where the first endpoint of each cluster listens."""
    found: dict[str, Address] = {}
    for each in () if configuration is None else configuration.endpoints:
        endpoints: Sequence[Any] = [one for group in each.get("endpoints", ()) for one in group.get("lb_endpoints", ())]
        if endpoints:
            address = endpoints[0]["endpoint"]["address"]["socket_address"]
            found[each["cluster_name"]] = (address["address"], int(address["port_value"]))
    return found


def _deployment(cluster: str) -> str:
    return cluster.rpartition(".")[0].removesuffix("-shadow")


def _difference(expected: _Answer, actual: _Answer, tolerance: float) -> str | None:
    if not actual.status:
        return "no answer"
    if actual.status != expected.status:
        return f"status {actual.status}, not {expected.status}"
    return first_difference(expected.body, actual.body, tolerance=tolerance)


def _ask(address: Address, path: str, headers: Mapping[str, str], body: bytes) -> _Answer:
    begun = time.perf_counter()
    status, content = 0, b""
    with closing(HTTPConnection(*address, timeout=_ANSWER_SECONDS)) as connection, suppress(OSError, HTTPException):
        connection.request("POST", path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        content = answer.read(_MOST_ANSWER + 1)
        status = answer.status if len(content) <= _MOST_ANSWER else 0
    return _Answer(status, content, (time.perf_counter() - begun) * 1000)


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, comparer: Comparer) -> None:
        self.comparer = comparer
        super().__init__(str(path), _Receiving)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Envoy gives copies up when it likes: nothing is wrong."""


class _Receiving(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _UnixServer

    def do_POST(self) -> None:
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        if body is not None and COMPARE_HEADER in headers:
            with suppress(ValueError):
                self.server.comparer.compare(self.path, headers, body)
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def do_GET(self) -> None:
        """Predictions are posted; nothing else is compared."""
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def _body(self) -> bytes | None:
        """None for one that is too large; its connection ends then."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        size = int(self.headers.get("Content-Length", "0"))
        if size <= _MOST_BYTES:
            return self.rfile.read(size)
        self.close_connection = True
        return None

    def _chunks(self) -> bytes | None:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            if len(body) + size > _MOST_BYTES:
                self.close_connection = True
                return None
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def address_string(self) -> str:
        """Of a unix socket there is none."""
        return "envoy"

    def log_message(self, *_: Any) -> None:
        """Nothing of a request is written anywhere."""
