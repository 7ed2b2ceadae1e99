"""Messages of ModelInfer: spoilt as messages and as bytes; and the bytes of whole HTTP/2 connections."""

import random

from benchmarks.robustness.mutations import DIMENSIONS, VALUES, spoilt_bytes, spoilt_shape
from hpack import Encoder

from modelyard_serving.protocol.proto import open_inference_pb2 as pb

METHOD = "/inference.GRPCInferenceService/ModelInfer"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_LARGEST = 2**63


def _valid(*, is_raw: bool) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name="Tensor", id="7")
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
    return message


def message(chance: random.Random) -> bytes:
    """One spoilt message."""
    valid = _valid(is_raw=chance.random() < 0.5)
    tensor = chance.choice(valid.inputs)
    match chance.randrange(8):
        case 0:
            sizes = [size for size in DIMENSIONS if isinstance(size, int) and -_LARGEST <= size < _LARGEST]
            tensor.shape[:] = spoilt_shape(chance, sizes)
        case 1:
            texts = [value for value in VALUES if isinstance(value, str)]
            setattr(tensor, chance.choice(("name", "datatype")), chance.choice(texts))
        case 2:
            tensor.contents.int64_contents.extend([2**62] * chance.randrange(4))
            tensor.contents.bytes_contents.append(chance.randbytes(4))
        case 3:
            valid.raw_input_contents.append(chance.randbytes(chance.randrange(40)))
        case 4 if valid.raw_input_contents:
            valid.raw_input_contents[2] = (2**32 - 1).to_bytes(4, "little") + b"a"
        case 5:
            valid.parameters[chance.choice(("timeout", "priority", "a"))].int64_param = chance.choice((-1, 2**62))
        case _:
            return bytes(spoilt_bytes(valid.SerializeToString(), chance))
    return bytes(valid.SerializeToString())


def connection(chance: random.Random) -> bytes:
    """An HTTP/2 connection with a call, its frames spoilt behind the preface."""
    head = [(":method", "POST"), (":scheme", "http"), (":path", METHOD), ("content-type", "application/grpc")]
    body = _valid(is_raw=True).SerializeToString()
    framed = b"\0" + len(body).to_bytes(4, "big") + body
    frames = _frame(4, 0, 0, b"") + _frame(1, 4, 1, Encoder().encode(head)) + _frame(0, 1, 1, framed)
    if chance.random() < 0.3:
        kind, flags, stream = chance.randrange(12), chance.randrange(256), chance.choice((0, 1, 2, 3, 2**31 - 1))
        frames += _frame(kind, flags, stream, chance.randbytes(chance.randrange(40)))
    preface = _PREFACE if chance.random() < 0.97 else spoilt_bytes(_PREFACE, chance)
    return bytes(preface + spoilt_bytes(frames, chance))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
