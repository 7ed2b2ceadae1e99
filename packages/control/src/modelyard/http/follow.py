"""Logs over HTTP: as text, or as server-sent events that go on where the reader was cut off."""

import asyncio
import codecs
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from anyio import to_thread
from fastapi import Query, Request
from fastapi.responses import Response, StreamingResponse

from modelyard.errors import Invalid
from modelyard.ports.log import LARGEST_PART, LogPart

Ended = Callable[[], dict[str, Any] | None]
"""What to tell at the end, once nothing more will be written; None before."""

START_HEADER = "Modelyard-Log-Offset"
"""Of a text: the place in the log where it begins."""
MOST_LINES = 100_000
MOST_BYTES = 256 * 1024 * 1024
_NOT_UTF8 = "modelyard-question-marks"
_CHUNK = LARGEST_PART
_POLL_SECONDS = 0.25
KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE = b": still here\n\n"
EVENT_STREAM = "text/event-stream"
EVENT_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_DIGITS = 18


LOG_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The log", "content": {"text/plain": {}, EVENT_STREAM: {}}}
}
"""Of every route of a log, for the API's document."""


class Log(Protocol):
    """A log that grows, wherever it is kept."""

    def size(self) -> int:
        """How many bytes are there now."""

    def read(self, offset: int) -> LogPart:
        """The part from an offset on."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a log a request asks for."""

    offset: Annotated[int | None, Query(ge=0, description="the byte where it begins")] = None
    tail: Annotated[int | None, Query(ge=0, le=MOST_LINES, description="only the last lines that are there")] = None
    limit: Annotated[
        int | None, Query(ge=1, le=MOST_BYTES, description="the most bytes of a text; it ends with a whole line")
    ] = None


async def log_response(request: Request, part: Part, *, log: Log, ended: Ended) -> Response:
    """A part of the log, or all of it from the request's `Last-Event-ID` on, in the form that the request accepts.

    Bytes that are not UTF-8 are sent as question marks, one for each, so that places in the log stay what they are.
    """
    start = await to_thread.run_sync(_start, request, part, log)
    if EVENT_STREAM in request.headers.get("accept", ""):
        if part.limit is not None:
            raise Invalid("limit: a log that is followed has no end", code="limit_invalid", field="limit")
        return StreamingResponse(_events(start, log, ended), media_type=EVENT_STREAM, headers=EVENT_HEADERS)
    headers = {START_HEADER: str(start)}
    return StreamingResponse(_text(start, log, part.limit), media_type="text/plain; charset=utf-8", headers=headers)


def _start(request: Request, part: Part, log: Log) -> int:
    if part.offset is not None and part.tail is not None:
        raise Invalid(
            "tail: a part begins at an offset or is the last lines; got both", code="tail_invalid", field="tail"
        )
    if part.offset is not None:
        return part.offset
    if part.tail is not None and "last-event-id" not in request.headers:
        return _offset_of_tail(log, part.tail)
    return last_event_id(request) or 0


def last_event_id(request: Request) -> int | None:
    """The id of the last event that the reader has seen; None for one that begins.

    Raises:
        Invalid: code `last_event_id_invalid`.
    """
    given = request.headers.get("last-event-id")
    if given is None:
        return None
    if not given.isascii() or not given.isdecimal() or len(given) > _DIGITS:
        raise Invalid(
            f"Last-Event-ID: expected the id of an earlier event, got {given[:80]!r}",
            code="last_event_id_invalid",
            field="Last-Event-ID",
        )
    return int(given)


def _offset_of_tail(log: Log, lines: int) -> int:
    """Where the last lines begin; a line that is still being written is one."""
    end = start = log.size()
    left = lines + 1
    while start > 0 and left > 0:
        start, before = max(0, start - _CHUNK), start
        block = log.read(start).content[: before - start]
        if before == end and block and not block.endswith(b"\n"):
            left -= 1
        for at in _newlines_backwards(block):
            left -= 1
            if left == 0:
                return start + at + 1
    return start if left > 0 else end


def _newlines_backwards(block: bytes) -> Iterator[int]:
    at = block.rfind(b"\n")
    while at >= 0:
        yield at
        at = block.rfind(b"\n", 0, at)


async def _text(offset: int, log: Log, limit: int | None) -> AsyncIterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors=_NOT_UTF8)
    left = limit
    while chunk := (part := await to_thread.run_sync(log.read, offset)).content:
        if left is not None and len(chunk) >= left:
            chunk = chunk[: chunk.rfind(b"\n", 0, left) + 1] or chunk[:left]
            left = 0
        offset = part.next_offset
        yield decoder.decode(chunk).encode()
        if left is not None:
            left -= len(chunk) if left else 0
            if left <= 0:
                break
    yield decoder.decode(b"", final=True).encode()


async def _events(offset: int, log: Log, ended: Ended) -> AsyncIterator[bytes]:
    silent = 0.0
    while True:
        end = await to_thread.run_sync(ended)
        part = await to_thread.run_sync(log.read, offset)
        chunk = part.content
        offset = part.next_offset - len(chunk)  # Not where it was asked for, where the log was rotated.
        # A line goes out when it is whole; the last one of an ended log need not be.
        whole = chunk if end is not None and chunk else chunk[: chunk.rfind(b"\n") + 1] or _oversized(chunk)
        for line in whole.splitlines(keepends=True):
            offset += len(line)
            yield event_bytes("log", line.rstrip(b"\r\n").decode(errors=_NOT_UTF8).encode(), offset)
        if whole:
            silent = 0.0
            offset = part.next_offset if len(whole) == len(chunk) else offset
            continue
        if end is not None:
            yield event_bytes("end", json.dumps(end).encode(), offset)
            return
        await asyncio.sleep(_POLL_SECONDS)
        silent += _POLL_SECONDS
        if silent >= KEEP_ALIVE_SECONDS:
            silent = 0.0
            yield KEEP_ALIVE


def _question_marks(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "?" * (error.end - error.start), error.end


codecs.register_error(_NOT_UTF8, _question_marks)


def _oversized(chunk: bytes) -> bytes:
    """A line that fills a whole chunk is sent in pieces, else a reader would wait for its end for ever."""
    return chunk if len(chunk) >= _CHUNK else b""


def event_bytes(name: str, data: bytes, offset: int) -> bytes:
    """One event on the wire."""
    # A lone carriage return would end a line of the event stream, so it is sent as a space.
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (offset, name.encode(), data.replace(b"\r", b" "))
