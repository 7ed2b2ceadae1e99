"""Messages in the body of a request."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.grpc.messages import Messages, RequestMemory, frame_message


def _messages(*, encoding: bytes | None = None, limit: int = 1000, memory: int = 10_000) -> Messages:
    return Messages(encoding=encoding, limit=limit, memory=RequestMemory(memory))


def _packed(data: bytes) -> bytes:
    return b"\x01" + frame_message(data)[1:]


class TestMessages:
    @given(messages=st.lists(st.binary(max_size=60)), cuts=st.lists(st.integers(1, 30), max_size=40))
    def test_messages_come_out_as_they_went_in_however_the_bytes_are_cut(
        self, messages: list[bytes], cuts: list[int]
    ) -> None:
        data = b"".join(frame_message(message) for message in messages)
        callback = _messages()
        actual = []
        for cut in [*cuts, len(data)]:
            actual += callback.feed(data[:cut])
            data = data[cut:]

        assert actual == messages
        assert callback.is_whole

    @pytest.mark.parametrize(("encoding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
    def test_compressed_messages_are_unpacked(self, encoding: bytes, pack: type[bytes]) -> None:
        assert _messages(encoding=encoding).feed(_packed(pack(b"abc"))) == [b"abc"]

    def test_a_message_that_says_it_is_too_large_is_refused_before_it_comes(self) -> None:
        with pytest.raises(ServingError) as caught:
            _messages(limit=10).feed(frame_message(b"x" * 11)[:5])

        assert caught.value.kind is Kind.TOO_LARGE

    def test_a_message_that_unpacks_to_too_much_is_refused(self) -> None:
        with pytest.raises(ServingError) as caught:
            _messages(encoding=b"gzip", limit=1000).feed(_packed(gzip.compress(b"\0" * 100_000)))

        assert caught.value.kind is Kind.TOO_LARGE

    @pytest.mark.parametrize(
        ("encoding", "data"),
        [(None, b"abc"), (b"identity", b"abc"), (b"gzip", b"abc"), (b"gzip", gzip.compress(b"abc", mtime=0)[:-9])],
        ids=["not said", "identity", "no gzip", "cut"],
    )
    def test_a_message_that_is_not_compressed_as_it_says_is_refused(self, encoding: bytes | None, data: bytes) -> None:
        with pytest.raises(ServingError) as caught:
            _messages(encoding=encoding).feed(_packed(data))

        assert caught.value.kind is Kind.INVALID

    def test_all_requests_together_hold_no_more_than_allowed_and_give_it_back(self) -> None:
        memory = RequestMemory(100)
        first = Messages(encoding=None, limit=1000, memory=memory)
        second = Messages(encoding=None, limit=1000, memory=memory)
        first.feed(frame_message(b"x" * 500)[:80])

        with pytest.raises(ServingError) as caught:
            second.feed(frame_message(b"x" * 500)[:80])
        assert caught.value.kind is Kind.BUSY

        first.close()
        assert second.feed(frame_message(b"x" * 75)[:-1]) == []
