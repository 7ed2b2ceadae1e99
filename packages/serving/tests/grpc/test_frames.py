"""Frames of HTTP/2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.grpc.http2 import frames
from modelyard_serving.grpc.http2.frames import PREFACE, ErrorCode, FrameReader, Http2Error, frame, unpadded

PAYLOADS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 255), st.integers(0, 2**31 - 1), st.binary(max_size=50))
)


class TestFrameReader:
    @given(expected=PAYLOADS, cuts=st.lists(st.integers(1, 40), max_size=50))
    def test_frames_come_out_as_they_went_in_however_the_bytes_are_cut(
        self, expected: list[tuple[int, int, int, bytes]], cuts: list[int]
    ) -> None:
        written = [frame(kind, flags=flags, stream=stream, payload=data) for kind, flags, stream, data in expected]
        data = PREFACE + b"".join(written)
        callback = FrameReader(max_frame_size=100)

        actual = []
        for cut in [*cuts, len(data)]:
            actual += list(callback.feed(data[:cut]))
            data = data[cut:]

        assert actual == expected

    @pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\0" * 24, PREFACE[:-1] + b"x"])
    def test_a_connection_that_begins_otherwise_is_refused(self, data: bytes) -> None:
        with pytest.raises(Http2Error) as caught:
            list(FrameReader(max_frame_size=100).feed(data))

        assert caught.value.code is ErrorCode.PROTOCOL_ERROR

    def test_a_frame_that_is_too_large_is_refused_by_its_head_alone(self) -> None:
        head = frame(frames.DATA, payload=b"x" * 101)[: frames.HEAD_SIZE]

        with pytest.raises(Http2Error) as caught:
            list(FrameReader(max_frame_size=100).feed(PREFACE + head))

        assert caught.value.code is ErrorCode.FRAME_SIZE_ERROR

    def test_the_reserved_bit_of_a_stream_is_ignored(self) -> None:
        data = bytearray(frame(frames.PING, stream=5, payload=b"12345678"))
        data[5] |= 0x80

        assert list(FrameReader(max_frame_size=100).feed(PREFACE + bytes(data))) == [(frames.PING, 0, 5, b"12345678")]


class TestPadding:
    def test_it_is_cut_off(self) -> None:
        assert unpadded(frames.PADDED, b"\x02abc\0\0") == b"abc"

    @pytest.mark.parametrize("payload", [b"", b"\x01", b"\x05abc", b"\x04abc"])
    def test_padding_that_is_longer_than_its_frame_is_refused(self, payload: bytes) -> None:
        with pytest.raises(Http2Error):
            unpadded(frames.PADDED, payload)
