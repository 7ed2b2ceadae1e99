"""Reading a log as it is, and following it over server-sent events.

A broken connection is opened again from the last line that was seen, so no line is missing and none comes twice.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from modelyard_client.errors import Busy, Unavailable, UnexpectedAnswer
from modelyard_client.events import Event, events
from modelyard_client.transport import Transport

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


def read(transport: Transport, where: str, *, offset: int = 0) -> list[LogLine]:
    """The lines that are there now, from a byte offset on."""
    content = transport.content(where, query={"offset": offset or None})
    *whole, rest = content.split(b"\n")  # `splitlines` would also cut at the CR of a progress bar.
    lines = []
    for line in whole:
        offset += len(line) + 1
        lines.append(LogLine(_text(line), offset))
    if rest:
        lines.append(LogLine(_text(rest), offset + len(rest), is_whole=False))
    return lines


def follow(transport: Transport, where: str, *, offset: int = 0, patience: float = 60.0) -> Iterator[LogLine]:
    """Lines from `offset` on, as they are written, until the log ends.

    Args:
        patience: seconds without an answer of the server after which to give up.

    Raises:
        Unavailable: the server has been away for longer than `patience`.
        NotFound, Forbidden, …: as any read.
    """
    away_since = transport.clock.now()
    while True:
        is_open = False
        try:
            with transport.stream(where, headers=_headers(offset)) as chunks:
                is_open = True
                for event in events(chunks):
                    if event.name == "end":
                        return
                    if event.name == "log":
                        offset = _offset(event)
                        yield LogLine(event.data, offset)
        except (Unavailable, Busy):
            if not is_open and transport.clock.now() - away_since > patience:
                raise
        if is_open:
            away_since = transport.clock.now()
        transport.clock.sleep(_PAUSE)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", errors="replace")


def _headers(offset: int) -> dict[str, str]:
    return {"Accept": "text/event-stream", "Last-Event-ID": str(offset)}


def _offset(event: Event) -> int:
    with suppress(ValueError):
        return int(event.last_id)
    raise UnexpectedAnswer(f"expected a place in the log as the event's id, got {event.last_id!r}", code="log_invalid")
