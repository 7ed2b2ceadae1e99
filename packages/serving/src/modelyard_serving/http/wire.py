"""Responses as the bytes of HTTP/1.1. It knows no connection."""

from email.utils import formatdate
from http import HTTPStatus

from modelyard_serving.http.exchange import JSON, JSON_ONLY, Response
from modelyard_serving.model_header import VERSION_HEADER

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_JSON_LINE = f"{JSON[0]}: {JSON[1]}\r\n".encode()
_JSON_HEADS = {status: line + _JSON_LINE + b"content-length: " for status, line in _STATUS_LINES.items()}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def common_lines(timestamp: float, version: str) -> bytes:
    """The lines that every response carries: the date, and the version that answers. They are made once a second."""
    date = formatdate(timestamp, usegmt=True)
    return f"\r\ndate: {date}\r\n{VERSION_HEADER}: {version}\r\n".encode("latin-1", "replace")


def render_head(response: Response, *, common: bytes, is_last: bool) -> bytes:
    """The head of a response, with its empty line.

    Args:
        common: of `common_lines`.
        is_last: the connection closes after it.
    """
    end = b"connection: close\r\n\r\n" if is_last else b"\r\n"
    length = b"%d" % len(response.body)
    if response.headers is JSON_ONLY:
        return b"".join((_JSON_HEADS[response.status], length, common, end))
    lines = "".join([f"{name}: {value}\r\n" for name, value in response.headers]).encode("latin-1")
    return b"".join((_STATUS_LINES[response.status], lines, b"content-length: ", length, common, end))
