"""Answers of a unary call: compressed for who compresses its own request, and for nobody else."""

import asyncio
import gzip
from typing import Any, cast

import pytest
from hpack import Decoder

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.grpc.calls import CallFactory
from modelyard_serving.grpc.http2.connection import Connection
from modelyard_serving.grpc.messages import frame_message
from modelyard_serving.grpc.status import Metadata, ResponseHeads

pytestmark = pytest.mark.anyio
PATH = b"/a.B/C"
HEADS = ResponseHeads("3")


class Recorder:
    """Takes the answer where a connection would send it."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()

    def send_response(self, _stream: int, head: bytes, data: bytes, _trailers: bytes) -> None:
        self.answered.set_result((head, data))


class Service:
    """One method, which answers with so many bytes."""

    def __init__(self, size: int) -> None:
        self.unary = {PATH: lambda _message, _context: b"a" * size}
        self.streaming: dict[bytes, Any] = {}

    def refusal(self, _metadata: Metadata) -> None:
        pass

    def end_streams(self) -> None:
        pass


async def answer(size: int, **more: bytes) -> tuple[bytes, bytes]:
    """Head and data of the answer to a gzipped message."""
    headers: dict[bytes, bytes] = {b":method": b"POST", b":path": PATH, b"content-type": b"application/grpc"}
    headers |= {name.replace("_", "-").encode(): value for name, value in more.items()}
    recorder = Recorder()
    calls = CallFactory(Service(size), max_message_bytes=1000, loop=asyncio.get_running_loop(), heads=HEADS)
    call = calls.open(cast("Connection", recorder), 1, headers)
    message = b"\x01" + frame_message(gzip.compress(b"m"))[1:] if b"grpc-encoding" in headers else frame_message(b"m")
    call.receive(message, is_last=True)
    async with asyncio.timeout(10):
        return await recorder.answered


class TestUnaryCall:
    @pytest.mark.parametrize("size", [1000, 1_000_000])
    async def test_who_compresses_its_request_gets_a_compressed_answer(self, size: int) -> None:
        head, data = await answer(size, grpc_encoding=b"gzip", grpc_accept_encoding=b"identity, deflate, gzip")

        assert head == HEADS.compressed[b"gzip"]
        assert (data[0], int.from_bytes(data[1:5], "big")) == (1, len(data) - 5)
        assert gzip.decompress(data[5:]) == b"a" * size

    @pytest.mark.parametrize(
        ("size", "headers"),
        [
            (1000, {"grpc_accept_encoding": b"identity, deflate, gzip"}),
            (1000, {"grpc_encoding": b"gzip"}),
            (1000, {"grpc_encoding": b"gzip", "grpc_accept_encoding": b"identity"}),
            (100, {"grpc_encoding": b"gzip", "grpc_accept_encoding": b"gzip"}),
        ],
        ids=["could take it", "does not take it", "takes another", "too small to be worth it"],
    )
    async def test_anybody_else_gets_it_as_it_is(self, size: int, headers: dict[str, bytes]) -> None:
        assert await answer(size, **headers) == (HEADS.plain, frame_message(b"a" * size))


class TestResponseHeads:
    def test_the_version_is_in_the_initial_metadata(self) -> None:
        for block in (HEADS.plain, *HEADS.compressed.values()):
            assert metadata(block)["modelyard-version"] == "3"
        assert "modelyard-version" not in metadata(ResponseHeads().plain)

    def test_the_version_is_in_an_answer_that_is_an_error_alone(self) -> None:
        error = ServingError("too many", kind=Kind.BUSY)
        assert metadata(HEADS.failure(error, Metadata({})))["modelyard-version"] == "3"


def metadata(block: bytes) -> dict[Any, Any]:
    return dict(Decoder().decode(block))
