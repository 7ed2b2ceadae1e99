"""Callers that send any bytes at all, and judge what comes back by the error contract alone."""

import json
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.robustness.grpc_forms import METHOD

import grpc

PATIENCE_S = 20.0
"""An answer that takes longer is a hang."""
STATUSES = frozenset({200, 400, 403, 404, 405, 413, 415, 503, 504})
CODES = frozenset({"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "DEADLINE_EXCEEDED"})


class Broken(Exception):  # It says what the answer is.
    """An answer that breaks the contract, or none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: dict[str, str]
    body: bytes


def judge(answer: Answer) -> str:
    """The answer's status as text.

    Raises:
        Broken: it is not of the error contract.
    """
    if answer.status not in STATUSES:
        raise Broken(f"status {answer.status}: {answer.body[:300]!r}")
    if answer.headers.get("content-encoding") is not None:
        window = {"gzip": 31, "deflate": 15}[answer.headers["content-encoding"]]
        answer = Answer(answer.status, answer.headers, zlib.decompress(answer.body, window))
    if answer.status == 200:
        length = answer.headers.get("inference-header-content-length")
        json.loads(answer.body if length is None else answer.body[: int(length)])
        return "200"
    reported = json.loads(answer.body)
    if answer.headers.get("content-type") != "application/json":
        raise Broken(f"an error of the type {answer.headers.get('content-type')!r}")
    if (
        not isinstance(reported, dict)
        or reported.keys() != {"error"}
        or not isinstance(reported["error"], str)
        or not reported["error"]
    ):
        raise Broken(f"an error that is not {{'error': '…'}}: {answer.body[:300]!r}")
    return str(answer.status)


@dataclass
class HttpCaller:
    """One connection that is kept, and made anew when the server parts."""

    address: tuple[str, int]
    _socket: socket.socket | None = None
    _rest: bytes = b""

    def ask(self, data: bytes) -> Answer:
        """Send a request and read its answer."""
        if self._socket is None:
            self._socket, self._rest = socket.create_connection(self.address, timeout=PATIENCE_S), b""
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(data)
        answer = self._read()
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _read(self) -> Answer:
        while b"\r\n\r\n" not in self._rest:
            self._receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        status, headers = parsed_head(head)
        length = int(headers["content-length"])
        while len(self._rest) < length:
            self._receive()
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(status, headers, body)

    def _receive(self) -> None:
        if self._socket is None:
            raise Broken("the connection is gone")
        data = self._socket.recv(1 << 16)
        if not data:
            raise Broken("the connection was closed instead of an answer")
        self._rest += data


def parsed_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines[1:])
    return int(lines[0].split()[1]), {name.lower(): value for name, _, value in pairs}


def raw_exchange(address: tuple[str, int], data: bytes) -> bytes:
    """All that comes back on a connection of its own for these bytes, after which we say nothing more."""
    with socket.create_connection(address, timeout=PATIENCE_S) as connection:
        parts = []
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                parts.append(part)
        except (ConnectionResetError, BrokenPipeError):
            pass  # It parted while we still sent: its right, for bytes that are no protocol.
    return b"".join(parts)


def judge_wire(data: bytes) -> str:
    """The statuses of all answers on a connection, each judged."""
    statuses = []
    while data:
        if data.startswith(b"HTTP/1.1 100 "):
            data = data.partition(b"\r\n\r\n")[2]
            continue
        head, found, data = data.partition(b"\r\n\r\n")
        if not found or not head.startswith(b"HTTP/1.1 "):
            raise Broken(f"no answer of HTTP/1.1: {head[:200]!r}")
        status, headers = parsed_head(head)
        length = int(headers["content-length"])
        body, data = data[:length], data[length:]
        if len(body) == length:
            statuses.append(judge(Answer(status, headers, body)))
    return " ".join(statuses[:1]) or "none"


@dataclass
class GrpcCaller:
    """A channel that sends any bytes as a message."""

    address: tuple[str, int]
    _call: Callable[..., bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._channel = grpc.insecure_channel(f"{self.address[0]}:{self.address[1]}")
        self._call = self._channel.unary_unary(METHOD)

    def ask(self, message: bytes) -> str:
        """The status code of a call."""
        try:
            self._call(message, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            code = str(error.code().name)
            if code not in CODES or (code == "DEADLINE_EXCEEDED" and "time" not in str(error.details())):
                raise Broken(f"{code}: {error.details()}") from error
            return code
        return "OK"

    def close(self) -> None:
        self._channel.close()
