"""Responses as the bytes of HTTP/1.1. It knows no connection."""

from email.utils import formatdate
from http import HTTPStatus

from modelyard_serving.http.exchange import JSON, JSON_ONLY, Response

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_JSON_LINE = f"{JSON[0]}: {JSON[1]}\r\n".encode()
_JSON_HEADS = {status: line + _JSON_LINE + b"content-length: " for status, line in _STATUS_LINES.items()}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def date_line(timestamp: float) -> bytes:
    """The line that every response carries; it is made once a second."""
    return f"\r\ndate: {formatdate(timestamp, usegmt=True)}\r\n".encode()


def render_head(response: Response, *, date: bytes, is_last: bool) -> bytes:
    """The head of a response, with its empty line.

    Args:
        date: of `date_line`.
        is_last: the connection closes after it.
    """
    end = b"connection: close\r\n\r\n" if is_last else b"\r\n"
    length = b"%d" % len(response.body)
    if response.headers is JSON_ONLY:
        return b"".join((_JSON_HEADS[response.status], length, date, end))
    lines = "".join([f"{name}: {value}\r\n" for name, value in response.headers]).encode("latin-1")
    return b"".join((_STATUS_LINES[response.status], lines, b"content-length: ", length, date, end))
