"""A kept connection over which one request is sent again and again, and timed."""

import socket
import time

HOST = "127.0.0.1"
_START_SECONDS = 30


class Connection:
    """One request, prepared; only sending it and reading the answer is timed."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self._request = head.encode() + b"\r\n\r\n" + body
        self._socket = socket.create_connection((HOST, port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> float:
        """Milliseconds to the last byte.

        Raises:
            RuntimeError: the answer is no success.
        """
        start = time.perf_counter()
        self._socket.sendall(self._request)
        answer = self._socket.recv(65536)
        while not _is_whole(answer):
            answer += self._socket.recv(65536)
        took = (time.perf_counter() - start) * 1000
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer[:500].decode(errors="replace"))
        return took


def _is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(body) >= int(length.partition(b":")[2])


def wait_until_open(port: int) -> None:
    """Return when somebody listens there."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
