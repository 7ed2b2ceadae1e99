"""A connection, spoken to in frames by a test and by `h2`, a strict client."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
import pytest
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.grpc.http2 import frames
from modelyard_serving.grpc.http2.connection import (
    MAX_FRAME_SIZE,
    MAX_STREAMS,
    STALL_TIMEOUT_S,
    Connection,
    StreamHandler,
)
from modelyard_serving.grpc.http2.frames import PREFACE, ErrorCode, FrameReader, frame
from modelyard_serving.grpc.http2.headers import Headers, write_headers, write_trailers

HEAD, TRAILERS = write_headers([(b"content-type", b"application/grpc")]), write_trailers([(b"grpc-status", b"0")])
REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "x")]


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.ended = False
        self.paused = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def frames(self) -> list[frames.Frame]:
        return list(FrameReader(max_frame_size=1 << 24).feed(PREFACE + self.written))

    def kinds(self) -> list[int]:
        return [kind for kind, *_ in self.frames()]

    def goaway(self) -> ErrorCode | None:
        codes = [ErrorCode.from_bytes(payload[4:8], "big") for kind, _, _, payload in self.frames() if kind == 7]
        return ErrorCode(codes[-1]) if codes else None


class Alarm:
    """What `call_later` gives."""

    def __init__(self, callback: Callable[..., object]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class StandingLoop:
    """What a connection asks of its loop: here the clock stands still, and callbacks run at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.alarms: list[Alarm] = []

    def call_later(self, _delay: float, callback: Callable[..., object]) -> "Alarm":
        self.alarms.append(Alarm(callback))
        return self.alarms[-1]

    def ring(self) -> None:
        """The time of all alarms has come."""
        alarms, self.alarms = self.alarms, []
        for alarm in alarms:
            if not alarm.is_cancelled:
                alarm.callback()

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        callback(*args)


STANDING = StandingLoop()
LOOP = cast("asyncio.AbstractEventLoop", STANDING)


class Echo:
    """Answers a request with its own body, when it is whole."""

    def __init__(self, connection: Connection, stream: int) -> None:
        self.connection = connection
        self.stream = stream
        self.body = b""
        self.is_abandoned = False

    @property
    def is_incomplete(self) -> bool:
        return bool(self.body)

    def receive(self, data: bytes, *, is_last: bool) -> None:
        self.body += data
        if is_last:
            self.connection.send_response(self.stream, HEAD, self.body, TRAILERS)

    def cancel(self) -> None:
        self.is_abandoned = True


class Silent(Echo):
    """Never answers."""

    def receive(self, data: bytes, *, is_last: bool) -> None:
        self.body += data


class Peer:
    """A connection under test with a client's hands."""

    def __init__(self, kind: type[Echo] = Echo) -> None:
        self.handlers: list[Echo] = []
        self.closed = 0
        self.transport = Transport()
        self.encoder = Encoder()

        def open_handler(connection: Connection, stream: int, _: Headers) -> StreamHandler:
            self.handlers.append(kind(connection, stream))
            return self.handlers[-1]

        def on_closed() -> None:
            self.closed += 1

        self.connection = Connection(
            open_handler, loop=LOOP, stream_window=1 << 20, connections=set(), on_closed=on_closed
        )
        self.connection.connection_made(self.transport)
        self.say(PREFACE + frames.settings({}))

    def say(self, data: bytes) -> None:
        self.transport.written = b""
        self.connection.data_received(data)

    def acknowledge_the_end(self) -> None:
        """Answer the PING that the server has just sent behind its GOAWAY."""
        self.say(frame(frames.PING, flags=frames.ACK, payload=self.sent[-1][3]))

    @property
    def sent(self) -> list[frames.Frame]:
        """What the server has sent since the client last spoke."""
        return self.transport.frames()

    def request(self, stream: int, *, flags: int = frames.END_HEADERS) -> bytes:
        return frame(frames.HEADERS, flags=flags, stream=stream, payload=self.encoder.encode(REQUEST))


class TestRequests:
    def test_a_request_is_answered_with_headers_data_and_trailers(self) -> None:
        peer = Peer()
        peer.say(peer.request(1) + frame(frames.DATA, flags=frames.END_STREAM, stream=1, payload=b"abc"))

        assert peer.transport.kinds() == [frames.HEADERS, frames.DATA, frames.HEADERS]
        assert peer.transport.frames()[1] == (frames.DATA, 0, 1, b"abc")
        assert peer.connection.in_flight == 0

    def test_a_body_may_come_in_pieces_padded_and_end_with_an_empty_frame(self) -> None:
        peer = Peer()
        padded = frame(frames.DATA, flags=frames.PADDED, stream=1, payload=b"\x02abc\0\0")
        peer.say(peer.request(1) + padded + frame(frames.DATA, stream=1, payload=b"de"))
        peer.say(frame(frames.DATA, flags=frames.END_STREAM, stream=1))

        assert peer.transport.frames()[1][3] == b"abcde"

    def test_a_header_block_may_come_in_pieces(self) -> None:
        peer = Peer()
        block = peer.encoder.encode(REQUEST)
        begin = frame(frames.HEADERS, flags=frames.END_STREAM, stream=1, payload=block[:5])
        peer.say(begin + frame(frames.CONTINUATION, stream=1, payload=block[5:8]))
        peer.say(frame(frames.CONTINUATION, flags=frames.END_HEADERS, stream=1, payload=block[8:]))

        assert peer.transport.kinds() == [frames.HEADERS, frames.DATA, frames.HEADERS]

    def test_a_header_block_may_have_padding_and_a_priority(self) -> None:
        peer = Peer()
        payload = b"\x01" + b"\0\0\0\0\x10" + peer.encoder.encode(REQUEST) + b"\0"
        flags = frames.END_HEADERS | frames.END_STREAM | frames.PADDED | frames.HAS_PRIORITY
        peer.say(frame(frames.HEADERS, flags=flags, stream=1, payload=payload))

        assert peer.transport.kinds() == [frames.HEADERS, frames.DATA, frames.HEADERS]

    def test_a_request_that_is_reset_is_abandoned(self) -> None:
        peer = Peer(Silent)
        peer.say(peer.request(1) + frames.rst_stream(1, ErrorCode.CANCEL))

        assert peer.handlers[0].is_abandoned
        assert peer.connection.in_flight == 0

    def test_an_answer_to_a_request_that_is_gone_goes_nowhere(self) -> None:
        peer = Peer(Silent)
        peer.say(peer.request(1) + frames.rst_stream(1, ErrorCode.CANCEL))
        peer.transport.written = b""
        peer.connection.send_response(1, HEAD, b"late", TRAILERS)

        assert peer.transport.written == b""

    def test_an_answer_before_the_request_is_whole_tells_the_client_to_stop(self) -> None:
        peer = Peer(Silent)
        peer.say(peer.request(1))
        peer.connection.send_trailers(1, HEAD)
        assert peer.transport.kinds() == [frames.HEADERS, frames.RST_STREAM]

        peer.say(frame(frames.DATA, stream=1, payload=b"still coming"))
        assert peer.transport.goaway() is None

    def test_more_streams_than_allowed_are_refused_one_by_one(self) -> None:
        peer = Peer(Silent)
        peer.say(b"".join(peer.request(2 * number + 1) for number in range(MAX_STREAMS + 1)))

        assert peer.connection.in_flight == MAX_STREAMS
        refusal = frames.rst_stream(2 * MAX_STREAMS + 1, ErrorCode.REFUSED_STREAM)
        assert peer.transport.written == refusal

    def test_pings_and_settings_are_acknowledged(self) -> None:
        peer = Peer()
        peer.say(frame(frames.PING, payload=b"12345678") + frames.settings({frames.SETTINGS_MAX_FRAME_SIZE: 20_000}))

        assert peer.transport.frames() == [
            (frames.PING, frames.ACK, 0, b"12345678"),
            (frames.SETTINGS, frames.ACK, 0, b""),
        ]

    def test_the_connections_window_is_kept_open(self) -> None:
        peer = Peer()
        peer.say(peer.request(1))
        updates = 0
        for _ in range(20):
            peer.say(frame(frames.DATA, stream=1, payload=b"x" * MAX_FRAME_SIZE))
            updates += peer.transport.kinds().count(frames.WINDOW_UPDATE)

        assert updates == 2

    def test_frames_of_unknown_kinds_are_ignored(self) -> None:
        peer = Peer()
        peer.say(frame(77, payload=b"abc") + frame(frames.PRIORITY, stream=3, payload=b"\0\0\0\0\0"))

        assert peer.transport.written == b""


class TestFaults:
    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (frame(frames.DATA, stream=1, payload=b"x"), ErrorCode.STREAM_CLOSED),
            (frame(frames.DATA, stream=0, payload=b"x"), ErrorCode.STREAM_CLOSED),
            (frame(frames.RST_STREAM, stream=1, payload=b"\0\0\0\0"), ErrorCode.PROTOCOL_ERROR),
            (frame(frames.RST_STREAM, stream=1, payload=b"\0"), ErrorCode.FRAME_SIZE_ERROR),
            (frame(frames.PUSH_PROMISE, stream=1), ErrorCode.PROTOCOL_ERROR),
            (frame(frames.PING, payload=b"1"), ErrorCode.FRAME_SIZE_ERROR),
            (frame(frames.SETTINGS, payload=b"12345"), ErrorCode.FRAME_SIZE_ERROR),
            (frames.settings({frames.SETTINGS_INITIAL_WINDOW_SIZE: 2**31}), ErrorCode.FLOW_CONTROL_ERROR),
            (frames.settings({frames.SETTINGS_MAX_FRAME_SIZE: 1}), ErrorCode.PROTOCOL_ERROR),
            (frames.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
            (frames.window_update(0, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR),
            (frame(frames.CONTINUATION, stream=1), ErrorCode.PROTOCOL_ERROR),
            (frame(frames.HEADERS, flags=frames.END_HEADERS, stream=2, payload=b"\x83"), ErrorCode.PROTOCOL_ERROR),
            (frame(frames.HEADERS, flags=frames.END_HEADERS, stream=0, payload=b"\x83"), ErrorCode.PROTOCOL_ERROR),
            (
                frame(frames.HEADERS, flags=frames.END_HEADERS, stream=1, payload=b"\xff\xff"),
                ErrorCode.COMPRESSION_ERROR,
            ),
            (frame(frames.HEADERS, stream=1) + frame(frames.PING, payload=b"12345678"), ErrorCode.PROTOCOL_ERROR),
        ],
    )
    def test_a_peer_that_breaks_the_protocol_gets_the_error_and_is_disconnected(
        self, data: bytes, code: ErrorCode
    ) -> None:
        peer = Peer()
        peer.say(data)

        assert peer.transport.goaway() is code
        assert peer.transport.closed

    def test_a_stream_cannot_be_opened_twice(self) -> None:
        peer = Peer()
        peer.say(peer.request(3, flags=frames.END_HEADERS | frames.END_STREAM))
        peer.say(peer.request(1))

        assert peer.transport.goaway() is ErrorCode.PROTOCOL_ERROR

    def test_a_header_block_without_end_is_cut_off(self) -> None:
        peer = Peer()
        peer.say(frame(frames.HEADERS, stream=1, payload=b"\0" * 100))
        for _ in range(200):
            if not peer.transport.closed:
                peer.say(frame(frames.CONTINUATION, stream=1, payload=b"\0" * 100))

        assert peer.transport.goaway() is ErrorCode.ENHANCE_YOUR_CALM

    def test_opening_and_resetting_without_end_is_cut_off(self) -> None:
        peer = Peer(Silent)
        stream = 1
        while not peer.transport.closed and stream < 10_000:
            peer.say(peer.request(stream) + frames.rst_stream(stream, ErrorCode.CANCEL))
            stream += 2

        assert peer.transport.goaway() is ErrorCode.ENHANCE_YOUR_CALM
        assert all(handler.is_abandoned for handler in peer.handlers[:-1])

    @given(data=st.binary(max_size=300))
    def test_bytes_of_any_kind_are_survived(self, data: bytes) -> None:
        peer = Peer()
        peer.say(data)

    @given(
        parts=st.lists(
            st.tuples(st.integers(0, 11), st.integers(0, 63), st.sampled_from([0, 1, 3, 5]), st.binary(max_size=20)),
            max_size=12,
        )
    )
    def test_frames_of_any_kind_are_survived(self, parts: list[tuple[int, int, int, bytes]]) -> None:
        peer = Peer()
        peer.say(peer.request(1))
        for kind, flags, stream, payload in parts:
            if not peer.transport.closed:
                peer.say(frame(kind, flags=flags, stream=stream, payload=payload))


class TestStalling:
    def test_a_client_that_never_begins_is_stalled(self) -> None:
        connection = Connection(
            lambda connection, stream, _: Echo(connection, stream),
            loop=LOOP,
            stream_window=1 << 20,
            connections=set(),
            on_closed=lambda: None,
        )

        assert not connection.is_stalled(STALL_TIMEOUT_S - 1)
        assert connection.is_stalled(STALL_TIMEOUT_S)

    def test_a_client_that_stops_in_the_middle_of_a_request_is_stalled(self) -> None:
        peer = Peer()
        peer.say(peer.request(1) + frame(frames.DATA, stream=1, payload=b"abc"))

        assert not peer.connection.is_stalled(STALL_TIMEOUT_S - 1)
        assert peer.connection.is_stalled(STALL_TIMEOUT_S)

    def test_a_client_without_requests_or_with_a_slow_answer_may_wait(self) -> None:
        peer = Peer(Silent)
        assert not peer.connection.is_stalled(1e6)
        peer.say(peer.request(1) + frame(frames.DATA, flags=frames.END_STREAM, stream=1, payload=b"abc"))
        assert not peer.connection.is_stalled(1e6)


class TestLeaving:
    def test_a_client_is_asked_to_go_and_still_answered(self) -> None:
        peer = Peer()
        peer.connection.begin_drain()
        peer.say(peer.request(1, flags=frames.END_HEADERS | frames.END_STREAM))

        assert frames.HEADERS in peer.transport.kinds()
        assert not peer.transport.closed

    def test_requests_that_were_sent_before_the_end_was_heard_of_are_answered_and_later_ones_refused(self) -> None:
        peer = Peer(Silent)
        peer.say(peer.request(1))
        peer.connection.drain()
        end = peer.sent[-1]
        peer.say(peer.request(3))
        assert peer.transport.written == b""
        peer.say(frame(frames.PING, flags=frames.ACK, payload=end[3]))
        peer.say(peer.request(5))
        assert peer.transport.written.endswith(frames.rst_stream(5, ErrorCode.REFUSED_STREAM))

        peer.connection.send_response(1, HEAD, b"x", TRAILERS)
        assert not peer.transport.ended
        peer.connection.send_response(3, HEAD, b"x", TRAILERS)
        assert peer.transport.ended

    def test_a_client_that_does_not_acknowledge_the_end_is_not_waited_for(self) -> None:
        peer = Peer(Silent)
        peer.connection.drain()
        assert not peer.transport.ended
        STANDING.ring()
        assert peer.transport.ended

    def test_the_connection_is_closed_by_the_client_or_a_moment_later(self) -> None:
        peer = Peer(Silent)
        peer.connection.drain()
        peer.acknowledge_the_end()
        assert (peer.transport.ended, peer.transport.closed) == (True, False)
        STANDING.ring()
        assert peer.transport.closed

    def test_an_answer_that_waits_for_a_window_is_sent_before_closing(self) -> None:
        peer = Peer(Silent)
        peer.say(peer.request(1, flags=frames.END_HEADERS | frames.END_STREAM))
        peer.connection.send_response(1, HEAD, b"x" * 100_000, TRAILERS)
        peer.connection.drain()
        peer.acknowledge_the_end()
        assert not peer.transport.ended

        peer.say(frames.window_update(0, 100_000) + frames.window_update(1, 100_000))
        assert peer.transport.ended

    def test_requests_are_abandoned_when_the_connection_is_lost(self) -> None:
        peer = Peer(Silent)
        peer.say(peer.request(1))
        peer.connection.connection_lost(None)

        assert peer.handlers[0].is_abandoned
        assert peer.closed == 1

    def test_a_client_that_does_not_read_is_not_read(self) -> None:
        peer = Peer()
        peer.connection.pause_writing()
        assert peer.transport.paused
        peer.connection.resume_writing()
        assert not peer.transport.paused


class TestWithAStrictClient:
    """`h2` checks what we send: frames, header blocks, windows, the order of things."""

    @pytest.fixture
    def client(self) -> h2.connection.H2Connection:
        client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        client.initiate_connection()
        return client

    @pytest.mark.parametrize("size", [0, 1, 1000, 65_535, 65_536, 1_000_000])
    def test_bodies_of_any_size_go_there_and_back(self, client: h2.connection.H2Connection, size: int) -> None:
        peer = Peer()
        peer.connection = Connection(
            lambda connection, stream, _: Echo(connection, stream),
            loop=LOOP,
            stream_window=1 << 20,
            connections=set(),
            on_closed=lambda: None,
        )
        peer.transport.written = b""
        peer.connection.connection_made(peer.transport)
        body = bytes(index % 251 for index in range(size))
        events = self._talk(client, peer)
        client.send_headers(1, REQUEST)
        position = 0
        while position < size:
            step = min(client.local_flow_control_window(1), client.max_outbound_frame_size, size - position)
            client.send_data(1, body[position : position + step])
            position += step
            events += self._talk(client, peer)
        client.end_stream(1)
        events += self._talk(client, peer)

        actual = b"".join(event.data for event in events if isinstance(event, h2.events.DataReceived))
        assert actual == body
        assert any(isinstance(event, h2.events.TrailersReceived) for event in events)
        assert any(isinstance(event, h2.events.StreamEnded) for event in events)

    def _talk(self, client: h2.connection.H2Connection, peer: Peer) -> list[Any]:
        """Exchange bytes until both are silent."""
        events: list[Any] = []
        while True:
            to_server = client.data_to_send()
            if to_server:
                peer.connection.data_received(to_server)
            to_client, peer.transport.written = peer.transport.written, b""
            if not to_server and not to_client:
                return events
            for event in client.receive_data(to_client) if to_client else []:
                events.append(event)
                if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                    client.acknowledge_received_data(event.flow_controlled_length, 1)
