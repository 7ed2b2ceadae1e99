"""Logs over HTTP: as text, or as server-sent events that go on where the reader was cut off."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from anyio import to_thread
from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from modelyard.errors import Invalid

Read = Callable[[int], bytes]
"""Bytes of the log from an offset on; empty at the end of what is there."""
Ended = Callable[[], dict[str, Any] | None]
"""What to tell at the end, once nothing more will be written; None before."""

_POLL_SECONDS = 0.25
_KEEP_ALIVE_SECONDS = 15.0
_EVENT_STREAM = "text/event-stream"
_DIGITS = 18


LOG_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The log", "content": {"text/plain": {}, _EVENT_STREAM: {}}}
}
"""Of every route of a log, for the API's document."""


async def log_response(request: Request, *, offset: int | None, read: Read, ended: Ended) -> Response:
    """The log from `offset`, or from the request's `Last-Event-ID`, in the form that the request accepts."""
    start = _start(request, offset)
    if _EVENT_STREAM in request.headers.get("accept", ""):
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(start, read, ended), media_type=_EVENT_STREAM, headers=headers)
    return StreamingResponse(_text(start, read), media_type="text/plain; charset=utf-8")


def _start(request: Request, offset: int | None) -> int:
    if offset is not None:
        return offset
    given = request.headers.get("last-event-id", "0")
    if not given.isascii() or not given.isdecimal() or len(given) > _DIGITS:
        raise Invalid(
            f"Last-Event-ID: expected the id of an earlier event, got {given[:80]!r}",
            code="last_event_id_invalid",
            field="Last-Event-ID",
        )
    return int(given)


async def _text(offset: int, read: Read) -> AsyncIterator[bytes]:
    while chunk := await to_thread.run_sync(read, offset):
        offset += len(chunk)
        yield chunk


async def _events(offset: int, read: Read, ended: Ended) -> AsyncIterator[bytes]:
    silent = 0.0
    while True:
        end = await to_thread.run_sync(ended)
        chunk = await to_thread.run_sync(read, offset)
        # A line goes out when it is whole; the last one of an ended log need not be.
        whole = chunk if end is not None and chunk else chunk[: chunk.rfind(b"\n") + 1] or _oversized(chunk)
        for line in whole.splitlines(keepends=True):
            offset += len(line)
            yield _event("log", line.rstrip(b"\r\n"), offset)
        if whole:
            silent = 0.0
            continue
        if end is not None:
            yield _event("end", json.dumps(end).encode(), offset)
            return
        await asyncio.sleep(_POLL_SECONDS)
        silent += _POLL_SECONDS
        if silent >= _KEEP_ALIVE_SECONDS:
            silent = 0.0
            yield b": still here\n\n"


def _oversized(chunk: bytes) -> bytes:
    """A line that fills a whole chunk is told in pieces, else a reader would wait for its end for ever."""
    return chunk if len(chunk) >= 256 * 1024 else b""


def _event(name: str, data: bytes, offset: int) -> bytes:
    # A lone carriage return would end a line of the event stream, so it is told as a space.
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (offset, name.encode(), data.replace(b"\r", b" "))
