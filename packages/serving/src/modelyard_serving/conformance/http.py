"""A plain HTTP/1.1 client that sends exactly the given request, valid or not, and keeps the last exchange as evidence.

It follows no redirect, sends no header by itself but Host and Content-Length, and turns everything that a broken server
can do (refuse, close, hang, answer nonsense) into one exception.
"""

import json
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NoReturn
from urllib.parse import urlsplit

from modelyard_serving.conformance.rules import Violation

Body = bytes | Iterable[bytes] | None


class NoResponse(Violation):
    """The server refused the connection, closed it, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, strictly: NaN and Infinity are not JSON."""
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as exc:
            raise Violation(f"the body is not JSON ({exc}): {excerpt(self.body)}") from exc

    def object(self) -> dict[str, Any]:
        """The body as a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            raise Violation(f"expected a JSON object, {excerpt(self.body)} came")
        return value


class Http:
    """Requests to one server. Every request has a connection of its own unless `keep_alive` gives one."""

    def __init__(self, url: str, *, timeout: float) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"the address must be an http or https URL, {url!r} came")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.timeout = timeout
        self.last_exchange = ""
        self._is_tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._is_tls else 80)
        self._prefix = parts.path.rstrip("/")

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """GET on a connection of its own."""
        return self.request("GET", path, headers=headers)

    def post(self, path: str, body: Body = b"", *, headers: Mapping[str, str] | None = None) -> Response:
        """POST on a connection of its own."""
        return self.request("POST", path, body=body, headers=headers)

    def request(
        self, method: str, path: str, *, body: Body = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """One request; a body that is an iterable is sent chunked. Raises NoAnswer."""
        connection = self.keep_alive()
        try:
            return self.send(connection, method, path, body=body, headers=headers)
        finally:
            connection.close()

    def keep_alive(self) -> HTTPConnection:
        """A connection for `send`, which may be used more than once; the caller closes it."""
        kind = HTTPSConnection if self._is_tls else HTTPConnection
        return kind(self._host, self._port, timeout=self.timeout)

    def send(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        *,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """One request on a connection that the caller owns. Raises NoAnswer."""
        self.last_exchange = f"{method} {path}"
        try:
            # A server may refuse a body before it has read it whole; its answer may still be there.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, self._prefix + path, body, dict(headers or {}))
            return self._read(connection.getresponse())
        except (OSError, HTTPException) as exc:
            self._fail(exc)

    def send_bytes(self, data: bytes) -> Response:
        """Bytes as they are, for requests that no HTTP library would send. Raises NoAnswer."""
        self.last_exchange = excerpt(data)
        try:
            with self.socket() as connection:
                connection.sendall(data)
                response = HTTPResponse(connection)
                response.begin()
                return self._read(response)
        except (OSError, HTTPException) as exc:
            self._fail(exc)

    def socket(self) -> socket.socket:
        """A connected socket; the caller closes it."""
        connection = socket.create_connection((self._host, self._port), timeout=self.timeout)
        if not self._is_tls:
            return connection
        return ssl.create_default_context().wrap_socket(connection, server_hostname=self._host)

    @property
    def authority(self) -> str:
        """What belongs into a Host header."""
        return f"{self._host}:{self._port}"

    def _read(self, response: HTTPResponse) -> Response:
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        self.last_exchange += f" -> {response.status} {excerpt(body)}"
        return Response(response.status, headers, body)

    def _fail(self, exc: Exception) -> NoReturn:
        self.last_exchange += f" -> no answer: {type(exc).__name__}"
        raise NoResponse(f"the server did not answer: {type(exc).__name__}: {exc}".rstrip(": ")) from exc


def excerpt(data: bytes, *, length: int = 240) -> str:
    """The beginning of some bytes as one printable line."""
    text = data[:length].decode("utf-8", "backslashreplace")
    line = "".join(char if char.isprintable() else " " for char in text).strip()
    return f"{line}… ({len(data)} bytes)" if len(data) > length else line or "(empty)"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
