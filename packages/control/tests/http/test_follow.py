"""Logs over HTTP: as text, and followed live by readers who are cut off and come back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from fastapi import Request
from fastapi.responses import StreamingResponse

from modelyard.errors import Invalid
from modelyard.http import follow
from modelyard.ports.log import LogPart

CHUNK = 256 * 1024


@dataclass
class Log:
    """A log that grows by a piece each time that a reader has seen all of it, and then ends."""

    pieces: list[bytes]
    written: bytes = b""
    reads: list[int] = field(default_factory=list)

    def size(self) -> int:
        return len(self.written)

    def read(self, offset: int) -> LogPart:
        self.reads.append(offset)
        content = self.written[offset : offset + CHUNK]
        return LogPart(content, offset + len(content), is_end=False)

    def ended(self) -> dict[str, Any] | None:
        if self.pieces:
            self.written += self.pieces.pop(0)
            return None
        return {"status": "succeeded"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_POLL_SECONDS", 0.0)


def request(headers: dict[str, str]) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


def answer(log: Log, *, headers: dict[str, str] | None = None, **part: int | None) -> tuple[str, bytes]:
    """The media type and everything that is sent."""

    async def collect() -> tuple[str, bytes]:
        response = await follow.log_response(request(headers or {}), follow.Part(**part), log=log, ended=log.ended)
        assert isinstance(response, StreamingResponse)
        return response.media_type or "", b"".join([chunk async for chunk in response.body_iterator])  # type: ignore[misc]

    return anyio.run(collect)


def events(log: Log, *, headers: dict[str, str] | None = None, **part: int | None) -> list[tuple[str, str, str]]:
    """The events as their readers see them: id, name, data."""
    media_type, sent = answer(log, **part, headers={"Accept": "text/event-stream"} | (headers or {}))
    assert media_type == "text/event-stream"
    received = []
    for event in sent.decode(errors="replace").split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in event.split("\n"))
        received.append((fields["id"], fields["event"], fields["data"]))
    return received


class TestText:
    def test_the_whole_log_as_it_is_now(self) -> None:
        log = Log([], written=b"one\ntwo")
        assert answer(log) == ("text/plain; charset=utf-8", b"one\ntwo")

    @pytest.mark.parametrize(
        ("tail", "text"),
        [(0, b""), (1, b"four"), (2, b"three\nfour"), (4, b"one\ntwo\nthree\nfour"), (99, b"one\ntwo\nthree\nfour")],
    )
    def test_only_the_last_lines(self, tail: int, text: bytes) -> None:
        assert answer(Log([], written=b"one\ntwo\nthree\nfour"), tail=tail)[1] == text

    def test_the_last_lines_of_a_long_log_are_found_without_reading_all_of_it(self) -> None:
        log = Log([], written=(b"y" * 99 + b"\n") * 50_000)
        assert answer(log, tail=10)[1] == (b"y" * 99 + b"\n") * 10
        assert len(log.reads) <= 4

    def test_a_limit_ends_it_with_a_whole_line(self) -> None:
        log = Log([], written=b"one\ntwo\nthree\n")
        assert answer(log, limit=9)[1] == b"one\ntwo\n"
        assert answer(log, limit=2)[1] == b"on"
        assert answer(log, limit=1000)[1] == b"one\ntwo\nthree\n"
        long = Log([], written=(b"z" * 99 + b"\n") * 10_000)
        assert len(answer(long, limit=600_000)[1]) == 600_000

    def test_bytes_that_are_no_utf8_are_question_marks_and_places_stay_what_they_are(self) -> None:
        written = "Größe\n".encode() + b"\xff\xfe caf\xe9\n"
        text = answer(Log([], written=written))[1]
        assert text.decode() == "Größe\n?? caf?\n"
        assert len(text) == len(written)
        assert events(Log([written]))[1][2] == "?? caf?"

    def test_a_letter_that_lies_in_two_pieces_is_whole(self) -> None:
        written = b"x" * (CHUNK - 1) + "ö\n".encode()
        assert answer(Log([], written=written))[1] == written

    def test_an_offset_and_the_last_lines_contradict_each_other(self) -> None:
        with pytest.raises(Invalid) as caught:
            answer(Log([], written=b"one\n"), offset=1, tail=1)
        assert caught.value.field == "tail"

    def test_from_an_offset_on(self) -> None:
        assert answer(Log([], written=b"one\ntwo\n"), offset=4)[1] == b"two\n"

    def test_a_long_log_goes_out_piece_by_piece(self) -> None:
        log = Log([], written=b"x" * (2 * CHUNK + 1))
        assert len(answer(log)[1]) == 2 * CHUNK + 1
        assert log.reads == [0, CHUNK, 2 * CHUNK, 2 * CHUNK + 1]


class TestEvents:
    def test_each_line_is_an_event_and_the_end_is_one(self) -> None:
        assert events(Log([b"one\n", b"two\n"])) == [
            ("4", "log", "one"),
            ("8", "log", "two"),
            ("8", "end", '{"status": "succeeded"}'),
        ]

    def test_a_line_goes_out_when_it_is_whole(self) -> None:
        assert [data for _, _, data in events(Log([b"on", b"e\ntw", b"o\n"]))][:-1] == ["one", "two"]

    def test_the_last_line_of_what_has_ended_need_not_be_whole(self) -> None:
        assert [data for _, _, data in events(Log([b"one\n", b"two"]))][:-1] == ["one", "two"]

    def test_an_empty_line_is_an_event_too(self) -> None:
        assert [event[:2] for event in events(Log([b"\n\n"]))] == [("1", "log"), ("2", "log"), ("2", "end")]

    def test_a_carriage_return_ends_a_line_and_breaks_no_event(self) -> None:
        received = events(Log([b"10%\r20%\r\ndone\n"]))
        assert received[:-1] == [("4", "log", "10%"), ("9", "log", "20%"), ("14", "log", "done")]

    def test_bytes_that_are_no_text_are_question_marks(self) -> None:
        assert events(Log([b"\xff\xfe\n"]))[0] == ("3", "log", "??")

    def test_a_line_without_end_is_sent_in_pieces(self) -> None:
        received = events(Log([b"x" * CHUNK, b"y\n"]))
        assert [(event[0], len(event[2])) for event in received[:-1]] == [(str(CHUNK), CHUNK), (str(CHUNK + 2), 1)]

    @pytest.mark.parametrize("cut", range(4))
    def test_a_reader_that_was_cut_off_goes_on_after_its_last_event(self, cut: int) -> None:
        pieces = [b"one\n", b"two\r\n", b"\nfour"]
        whole = events(Log(list(pieces)))
        again = events(Log(list(pieces)), headers={"Last-Event-ID": whole[cut][0]})
        assert whole[: cut + 1] + again == whole

    def test_the_last_lines_and_then_what_follows(self) -> None:
        log = Log([b"", b"four\n"], written=b"one\ntwo\nthree\n")
        assert [data for _, name, data in events(log, tail=1) if name == "log"] == ["three", "four"]

    def test_who_comes_back_goes_on_where_the_last_line_was(self) -> None:
        log = Log([b"one\ntwo\nthree\n"])
        assert events(log, tail=99, headers={"Last-Event-ID": "8"})[0] == ("14", "log", "three")

    def test_a_log_that_is_followed_has_no_limit(self) -> None:
        with pytest.raises(Invalid, match="limit: a log that is followed has no end"):
            events(Log([b"one\n"]), limit=3)

    def test_an_offset_in_the_address_stands_over_the_last_event(self) -> None:
        assert events(Log([b"one\ntwo\n"]), offset=4, headers={"Last-Event-ID": "0"})[0] == ("8", "log", "two")

    @pytest.mark.parametrize("given", ["-1", "x", "1.5", "\xb2", "9" * 19, " ", "0x10"])
    def test_an_event_that_we_never_sent_is_refused(self, given: str) -> None:
        with pytest.raises(Invalid) as caught:
            events(Log([]), headers={"Last-Event-ID": given})
        assert (caught.value.code, caught.value.field) == ("last_event_id_invalid", "Last-Event-ID")

    def test_while_nothing_is_said_the_connection_is_kept_alive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(follow, "KEEP_ALIVE_SECONDS", 0.0)
        _, sent = answer(Log([b"", b"", b"one\n"]), headers={"Accept": "text/event-stream"})
        assert sent.startswith(b": still here\n\n: still here\n\nid: 4\n")

    def test_nothing_is_read_ahead_of_the_reader(self) -> None:
        log = Log([b"one\n"] * 100)

        async def take_two() -> None:
            events: AsyncIterator[bytes] = follow._events(0, log, log.ended)
            await anext(events)
            await anext(events)

        anyio.run(take_two)
        assert len(log.pieces) == 98
