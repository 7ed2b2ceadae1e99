"""Header blocks of HTTP/2."""

import pytest
from hpack import Decoder, Encoder

from modelyard_serving.grpc.http2.frames import Http2Error
from modelyard_serving.grpc.http2.headers import HeaderReader, write_headers, write_trailers

CALL = [(":method", "POST"), (":path", "/a.B/C"), ("te", "trailers"), ("x-long", "v" * 300)]


class TestHeaderReader:
    def test_repeated_calls_read_the_same_though_they_are_sent_as_references(self) -> None:
        encoder, callback = Encoder(), HeaderReader()
        expected = {name.encode(): value.encode() for name, value in CALL}

        for _ in range(3):
            assert callback.read(encoder.encode(CALL)) == expected

    def test_references_mean_something_else_after_the_table_changed(self) -> None:
        encoder, callback = Encoder(), HeaderReader()
        for headers in (CALL, CALL, [("a", "1")], CALL, [("a", "2"), ("b", "3")], CALL, [("a", "1")]):
            assert callback.read(encoder.encode(headers)) == {name.encode(): value.encode() for name, value in headers}

    @pytest.mark.parametrize(
        "block", [b"\xff\xff\xff\xff\xff\xff", b"\xc0", b"\x00\x05ab", b"\x40\x81\xff\xff", b"\x80"]
    )
    def test_what_is_no_header_block_is_refused(self, block: bytes) -> None:
        with pytest.raises(Http2Error):
            HeaderReader().read(block)

    def test_a_small_block_that_unpacks_to_many_headers_is_refused(self) -> None:
        encoder, callback = Encoder(), HeaderReader()
        callback.read(encoder.encode([("x", "v" * 4000)]))

        with pytest.raises(Http2Error):
            callback.read(encoder.encode([("x", "v" * 4000)]) * 10)


class TestWriting:
    @pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 300, 20_000])
    def test_values_of_any_length_are_read_by_others(self, length: int) -> None:
        value = b"v" * length

        block = write_headers([(b"name", value)]) + write_trailers([(b"other", value)])

        decoder = Decoder(max_header_list_size=100_000)
        assert list(decoder.decode(block, raw=True)) == [(b":status", b"200"), (b"name", value), (b"other", value)]

    def test_another_status_is_written_out(self) -> None:
        assert list(Decoder().decode(write_headers([], status=415), raw=True)) == [(b":status", b"415")]
