"""Content codings of bodies: gzip and deflate, in and out. A body's unpacked size is checked while it is unpacked."""

import zlib

from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.http.exchange import Response

SUPPORTED = "gzip, deflate"
_GZIP, _ZLIB, _RAW = 31, 15, -15
_MIN_BYTES = 512
_LEVEL = 1


class UnsupportedCoding(ServingError):
    """The body's content coding is not supported; the response lists those that are."""

    kind = Kind.UNSUPPORTED


def decompress(body: bytes, coding: str, *, limit: int) -> bytes:
    """A request's decompressed body.

    Raises:
        UnknownCoding: `coding` is neither gzip, deflate nor identity.
        InvalidInput: the body is not what it says.
        ServingError: of kind TOO_LARGE, as soon as there are more than `limit` bytes.
    """
    for name in reversed([part.strip().lower() for part in coding.split(",")]):
        if name in ("", "identity"):
            continue
        if name in ("gzip", "x-gzip"):
            body = _inflate(body, _GZIP, name, limit)
        elif name == "deflate":
            body = _inflate(body, _RAW if _is_raw_deflate(body) else _ZLIB, name, limit)
        else:
            raise UnsupportedCoding(f"Content-Encoding must be one of {SUPPORTED}, not {name[:40]!r}")
    return body


def compress(response: Response, accepted: str) -> Response:
    """The response, compressed when the client asks for it.

    A client that accepts one coding and no other asks for it. One that lists several only states a capability, as every
    HTTP library does, and gets the response uncompressed, which costs neither side time.
    """
    requested = accepted.strip().lower()
    if requested not in ("gzip", "deflate") or len(response.body) < _MIN_BYTES:
        return response
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP if requested == "gzip" else _ZLIB)
    body = compressor.compress(response.body) + compressor.flush()
    return Response(response.status, body, [*response.headers, ("content-encoding", requested)])


def _is_raw_deflate(body: bytes) -> bool:
    """Some callers send deflate without the zlib frame that RFC 9110 asks for."""
    return len(body) < 2 or body[0] & 0x0F != 8 or int.from_bytes(body[:2], "big") % 31 != 0


def _inflate(body: bytes, window: int, name: str, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body:
        decompressor = zlib.decompressobj(window)
        try:
            part = decompressor.decompress(body, limit - size + 1)
        except zlib.error as error:
            raise InvalidInput(f"the body is not {name}: {error}") from error
        size += len(part)
        if size > limit:
            raise ServingError(f"the unpacked body is larger than {limit} bytes", kind=Kind.TOO_LARGE)
        if not decompressor.eof:
            raise InvalidInput(f"the body is not {name}: it ends too early")
        parts.append(part)
        body = decompressor.unused_data if window == _GZIP else b""
    return b"".join(parts)
