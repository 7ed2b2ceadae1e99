"""Server-sent events, from bytes to events, as the HTML standard's section 9.2.6 reads a stream. It opens nothing.

Lines end with CR LF, LF or CR and with nothing else: a log line may hold any other separator that Unicode knows.
https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `last_id` is the id of this event or of the last one before it that had one."""

    name: str
    data: str
    last_id: str


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream; one that the stream's end cuts off is dropped, as the standard says."""
    name, last_id, data = "", "", list[str]()
    for line in _lines(chunks):
        if not line:
            if data:
                yield Event(name=name or "message", data="\n".join(data), last_id=last_id)
            name, data = "", []
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            data.append(value)
        elif key == "event":
            name = value
        elif key == "id" and "\0" not in value:
            last_id = value


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    rest = ""
    for chunk in chunks:
        rest += decoder.decode(chunk)
        start = 0
        for end in _LINE_END.finditer(rest):
            if end.group() == "\r" and end.end() == len(rest):
                break  # The next chunk may begin with the LF that belongs to it.
            yield rest[start : end.start()]
            start = end.end()
        rest = rest[start:]
    if rest.endswith("\r"):
        yield rest[:-1]
