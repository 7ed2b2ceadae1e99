"""Spoilt messages, through the whole way from a connection's bytes to the model: each ends with a status, and nothing
is kept of it. `FUZZ_INPUTS=1000000` tries more of them."""

import asyncio
import os
import random
from collections import Counter

import pytest
from hpack import Decoder, Encoder
from planes import ANYWHERE, MODEL_NAME, bench
from sample_models import Echo

from modelyard_serving.grpc.calls import CallFactory
from modelyard_serving.grpc.http2 import frames
from modelyard_serving.grpc.http2.connection import Connection
from modelyard_serving.grpc.http2.frames import PREFACE, FrameReader, frame
from modelyard_serving.grpc.messages import frame_message
from modelyard_serving.grpc.service import ModelService
from modelyard_serving.grpc.status import ResponseHeads
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

INPUTS = int(os.environ.get("FUZZ_INPUTS", "3000"))
METHOD = [(":method", "POST"), (":scheme", "http"), (":path", "/inference.GRPCInferenceService/ModelInfer")]
METHOD += [("content-type", "application/grpc"), ("te", "trailers")]
LEGAL = {b"0", b"3", b"5", b"8", b"12"}  # OK, INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED.


def _valid(*, is_raw: bool) -> bytes:
    message = pb.ModelInferRequest(model_name=MODEL_NAME, id="7")
    message.parameters["priority"].int64_param = 1
    x = message.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    n = message.inputs.add(name="n", datatype="INT8", shape=[1, 2])
    s = message.inputs.add(name="s", datatype="BYTES", shape=[1, 1])
    if is_raw:
        message.raw_input_contents.extend([b"\0\0\x80\x3f" * 3, b"\x01\x02", b"\x01\0\0\0a"])
    else:
        x.contents.fp32_contents.extend([1.0, 2.0, 3.0])
        n.contents.int_contents.extend([1, 2])
        s.contents.bytes_contents.append(b"a")
    message.outputs.add(name="x_out")
    return bytes(message.SerializeToString())


def _spoilt(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, taken out, put in, or repeated."""
    spoilt = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        position = chance.randrange(len(spoilt) + 1)
        match chance.randrange(5):
            case 0 if position < len(spoilt):
                spoilt[position] = chance.randrange(256)
            case 1:
                del spoilt[position : position + chance.randint(1, 8)]
            case 2:
                spoilt[position:position] = chance.randbytes(chance.randint(1, 8))
            case 3:
                spoilt[position:position] = spoilt[position : position + chance.randint(1, 30)]
            case _ if position < len(spoilt):
                spoilt[position] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        raise AssertionError("the connection was closed")


class TestFuzz:
    @pytest.mark.anyio
    async def test_every_spoilt_message_ends_with_a_status_and_leaves_nothing_behind(self) -> None:
        chance = random.Random(7)
        messages = [_valid(is_raw=True), _valid(is_raw=False)]
        statuses: Counter[bytes] = Counter()
        one = bench(Echo())
        loop = asyncio.get_running_loop()
        calls = CallFactory(
            ModelService(one.plane, one.metrics, sources=ANYWHERE),
            max_message_bytes=100_000,
            loop=loop,
            heads=ResponseHeads(),
        )
        for begin in range(0, INPUTS, 500):
            statuses += await self._try(
                [_spoilt(chance.choice(messages), chance) for _ in range(begin, begin + 500)], calls
            )

        assert calls.reserved == 0
        assert statuses.keys() <= LEGAL
        assert statuses[b"0"] > 0
        assert statuses[b"3"] > INPUTS / 4

    async def _try(self, messages: list[bytes], calls: CallFactory) -> Counter[bytes]:
        """The statuses of some calls at once on one connection."""
        transport, encoder, decoder = _Transport(), Encoder(), Decoder()
        connection = Connection(
            calls.open,
            loop=asyncio.get_running_loop(),
            stream_window=1 << 20,
            connections=set(),
            on_closed=lambda: None,
        )
        connection.connection_made(transport)
        connection.data_received(PREFACE + frames.settings({}) + frames.window_update(0, 2**30))
        transport.written.clear()
        for number, message in enumerate(messages):
            stream = 2 * number + 1
            head = frame(frames.HEADERS, flags=frames.END_HEADERS, stream=stream, payload=encoder.encode(METHOD))
            body = frame(frames.DATA, flags=frames.END_STREAM, stream=stream, payload=frame_message(message))
            connection.data_received(head + body)
        async with asyncio.timeout(60):
            while connection.in_flight:  # noqa: ASYNC110  # A connection tells nobody that it is idle.
                await asyncio.sleep(0.001)
        callback = FrameReader(max_frame_size=1 << 24)
        statuses: Counter[bytes] = Counter()
        for kind, _, _, payload in callback.feed(PREFACE + bytes(transport.written)):
            if kind == frames.HEADERS:
                headers = dict(decoder.decode(payload, raw=True))
                if b"grpc-status" in headers:
                    statuses[bytes(headers[b"grpc-status"])] += 1
        assert statuses.total() == len(messages)
        return statuses
