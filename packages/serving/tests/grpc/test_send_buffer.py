"""What is sent, and what is held back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.grpc.http2 import frames
from modelyard_serving.grpc.http2.frames import PREFACE, Frame, FrameReader, Http2Error
from modelyard_serving.grpc.http2.send_buffer import SendBuffer

TRAILERS = b"\x88"


def _frames(data: bytes) -> list[Frame]:
    return list(FrameReader(max_frame_size=1 << 24).feed(PREFACE + data))


def _bodies(data: bytes) -> dict[int, bytes]:
    bodies: dict[int, bytes] = {}
    for kind, _, stream, payload in _frames(data):
        if kind == frames.DATA:
            bodies[stream] = bodies.get(stream, b"") + payload
    return bodies


class TestOutbox:
    def test_a_small_answer_goes_at_once(self) -> None:
        outbox = SendBuffer()
        outbox.open(1)

        sent = outbox.data(1, b"abc") + outbox.end(1, TRAILERS)

        assert [kind for kind, *_ in _frames(sent)] == [frames.DATA, frames.HEADERS]
        assert outbox.is_idle
        assert outbox.is_closed(1)

    def test_a_large_answer_goes_in_frames_as_the_windows_open_and_its_trailers_last(self) -> None:
        outbox = SendBuffer()
        outbox.open(1)
        body = bytes(range(256)) * 1000

        sent = outbox.data(1, body) + outbox.end(1, TRAILERS)
        assert len(_bodies(sent)[1]) == 65_535
        sent += outbox.increase_window(1, 1 << 20)
        assert len(_bodies(sent)[1]) == 65_535
        sent += outbox.increase_window(0, 1 << 20)

        assert _bodies(sent)[1] == body
        assert _frames(sent)[-1][:2] == (frames.HEADERS, frames.END_STREAM | frames.END_HEADERS)
        assert max(len(payload) for *_, payload in _frames(sent)) <= 16_384

    def test_a_smaller_initial_window_holds_back_what_it_no_longer_allows(self) -> None:
        outbox = SendBuffer()
        outbox.open(1)
        outbox.set_initial_window(2)

        sent = outbox.data(1, b"abcde")
        assert _bodies(sent)[1] == b"ab"
        assert outbox.buffered_bytes(1) == 3
        assert _bodies(outbox.set_initial_window(4))[1] == b"cd"

    def test_a_window_may_be_negative_for_a_while(self) -> None:
        outbox = SendBuffer()
        outbox.open(1)
        outbox.data(1, b"x" * 60_000)
        outbox.set_initial_window(10)

        assert outbox.data(1, b"abc") == b""
        assert _bodies(outbox.increase_window(1, 60_000))[1] == b"abc"

    @pytest.mark.parametrize("stream", [0, 1])
    def test_a_window_that_grows_too_large_is_refused(self, stream: int) -> None:
        outbox = SendBuffer()
        outbox.open(1)

        with pytest.raises(Http2Error):
            outbox.increase_window(stream, 2**31 - 1)

    def test_a_closed_stream_sends_nothing_more(self) -> None:
        outbox = SendBuffer()
        outbox.open(1)
        outbox.data(1, b"x" * 70_000)
        outbox.close(1)

        assert outbox.increase_window(1, 1000) == b""
        assert outbox.increase_window(0, 1000) == b""

    @given(
        bodies=st.lists(st.binary(max_size=200), min_size=1, max_size=5),
        updates=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 60)), max_size=40),
        window=st.integers(0, 50),
    )
    def test_every_byte_arrives_once_and_in_order_and_never_more_than_the_windows_allow(
        self, bodies: list[bytes], updates: list[tuple[int, int]], window: int
    ) -> None:
        outbox = SendBuffer()
        outbox.set_initial_window(window)
        streams = {2 * number + 1: body for number, body in enumerate(bodies)}
        sent = b""
        for stream, body in streams.items():
            outbox.open(stream)
            sent += outbox.data(stream, body) + outbox.end(stream, TRAILERS)
        allowed = dict.fromkeys(streams, window)
        for number, size in updates:
            stream = 2 * number + 1
            if stream in allowed:
                allowed[stream] += size
            sent += outbox.increase_window(stream, size)
            for each, body in _bodies(sent).items():
                assert len(body) <= allowed[each]
        sent += outbox.set_initial_window(1000)

        assert {stream: body for stream, body in _bodies(sent).items() if body} == {
            stream: body for stream, body in streams.items() if body
        }
        ended = [stream for kind, _, stream, _ in _frames(sent) if kind == frames.HEADERS]
        assert sorted(ended) == sorted(streams)
