"""Reading a log as it is, and following it over server-sent events.

A broken connection is opened again from the last line that was seen, so no line is missing and none comes twice.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from modelyard_client.errors import Busy, Unavailable, UnexpectedAnswer
from modelyard_client.events import Event, events
from modelyard_client.transport import Query, Transport

_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line without its end.

    `offset` is the place in the log after it: following from there gives the next line. A line is not whole while its
    end has not been written.
    """

    text: str
    offset: int
    is_whole: bool = True


def read(
    transport: Transport,
    where: str,
    *,
    offset: int = 0,
    tail: int | None = None,
    limit: int | None = None,
    query: Query | None = None,
) -> list[LogLine]:
    """The lines that are there now, from a byte offset on, or the last `tail` of them; of at most `limit` bytes."""
    part = {**(query or {}), "offset": offset or None, "tail": tail, "limit": limit}
    answer = transport.send("GET", where, query=part, headers={"Accept": "text/plain"})
    content = answer.content
    if tail is not None:
        offset = int(answer.headers.get("Modelyard-Log-Offset", "0"))
    *whole, rest = content.split(b"\n")  # `splitlines` would also cut at the CR of a progress bar.
    lines = []
    for line in whole:
        offset += len(line) + 1
        lines.append(LogLine(_text(line), offset))
    if rest:
        lines.append(LogLine(_text(rest), offset + len(rest), is_whole=False))
    return lines


def follow(
    transport: Transport,
    where: str,
    *,
    offset: int = 0,
    tail: int | None = None,
    query: Query | None = None,
    patience: float = 60.0,
) -> Iterator[LogLine]:
    """Lines from `offset` on, or from the last `tail` lines on, as they are written, until the log ends.

    Args:
        patience: seconds without an answer of the server after which to give up.

    Raises:
        Unavailable: the server has been away for longer than `patience`.
        NotFound, Forbidden, …: as any read.
    """
    unreachable_since = transport.clock.now()
    is_placed = tail is None
    while True:
        is_open = False
        try:
            # From the first line on that was seen, its place says more than a count of lines.
            part = {**(query or {}), "tail": None if is_placed else tail}
            headers = _headers(offset if is_placed else None)
            with transport.stream(where, query=part, headers=headers) as chunks:
                is_open = True
                for event in events(chunks):
                    if event.name == "end":
                        return
                    if event.name == "log":
                        offset, is_placed = _offset(event), True
                        yield LogLine(event.data, offset)
        except (Unavailable, Busy):
            if not is_open and transport.clock.now() - unreachable_since > patience:
                raise
        if is_open:
            unreachable_since = transport.clock.now()
        transport.clock.sleep(_PAUSE)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", errors="replace")


def _headers(offset: int | None) -> dict[str, str]:
    place = {} if offset is None else {"Last-Event-ID": str(offset)}
    return {"Accept": "text/event-stream", **place}


def _offset(event: Event) -> int:
    with suppress(ValueError):
        return int(event.last_id)
    raise UnexpectedAnswer(f"expected a place in the log as the event's id, got {event.last_id!r}", code="log_invalid")
