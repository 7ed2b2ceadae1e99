"""Requests by form: the valid ones, and how each form is spoilt where its own parser looks."""

import gzip
import io
import json
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.robustness.mutations import RAW, spoilt_bytes, spoilt_document

INFER = "/v2/models/Tensor/infer"
DOCUMENT: dict[str, Any] = {
    "id": "7",
    "parameters": {"priority": 1, "timeout": 5_000_000, "binary_data_output": False},
    "inputs": [
        {"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [[1.5, 2.0, 3.0], [4.0, 5.0, 6.0]]},
        {"name": "n", "shape": [2, 2], "datatype": "INT8", "data": [1, 2, 3, -4]},
        {"name": "s", "shape": [2, 1], "datatype": "BYTES", "data": ["a", "\u00df"]},
    ],
    "outputs": [{"name": "x_out", "parameters": {"binary_data": False}}, {"name": "s_out"}],
}
COLUMNS: dict[str, list[Any]] = {
    "age": [31.5, None],
    "visits": [3, None],
    "member": [True, False],
    "town": ["Ulm", None],
    "since": ["2026-11-21T10:00:00", "2024-02-29"],
    "raw": ["AAEC", None],
}
ROWS = [dict(zip(COLUMNS, values, strict=True)) for values in zip(*COLUMNS.values(), strict=True)]
PREDICT: tuple[dict[str, Any], ...] = (
    {"inputs": COLUMNS},
    {"inputs": ROWS},
    {"inputs": ROWS[0]},
    {"instances": [list(row.values()) for row in ROWS]},
    {"dataframe_records": ROWS, "outputs": ["predictions"]},
    {"dataframe_split": {"columns": list(COLUMNS), "index": [0, 1], "data": [list(row.values()) for row in ROWS]}},
)
CSV = (
    b'age,visits,member,town,since,raw\r\n31.5,3,true,"Ulm, Donau",2026-11-21T10:00:00,AAEC\r\n,,false,,2024-02-29,\r\n'
)
_CSV_PIECES = (b'"', b'""', b",", b"\r", b"\n", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xff", b"1e999", b"nan", b"9" * 400)
_LENGTHS = ("-1", "0", "1", "99999999999999999999", "2147483648", "abc", "", "1.5", "0x10", " 5", "\u0665", "5,5")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One HTTP request."""

    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def to_bytes(self) -> bytes:
        lines = [f"POST {self.path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + self.body


def json_infer(chance: random.Random) -> Wanted:
    return Wanted(INFER, spoilt_document(DOCUMENT, chance))


def json_predict(chance: random.Random) -> Wanted:
    return Wanted("/predict", spoilt_document(chance.choice(PREDICT), chance))


def csv(chance: random.Random) -> Wanted:
    data = CSV
    if chance.random() < 0.7:
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(data) + 1)
            data = data[:place] + chance.choice(_CSV_PIECES) + data[place + chance.randrange(4) :]
    else:
        data = spoilt_bytes(data, chance)
    return Wanted("/predict", data, (("Content-Type", "text/csv"),))


def binary(chance: random.Random) -> Wanted:
    """The JSON part, the blobs and the header that tells them apart, each spoilt or not."""
    blobs = [struct.pack("<6f", *range(6)), bytes([1, 2, 3, 4]), b"\1\0\0\0a\2\0\0\0\xc3\x9f"]
    document = json.loads(json.dumps(DOCUMENT))
    for tensor, blob in zip(document["inputs"], blobs, strict=True):
        del tensor["data"]
        tensor["parameters"] = {"binary_data_size": len(blob)}
    document["parameters"]["binary_data_output"] = chance.random() < 0.5
    head = spoilt_document(document, chance) if chance.random() < 0.6 else json.dumps(document).encode()
    tail = spoilt_bytes(b"".join(blobs), chance) if chance.random() < 0.5 else b"".join(blobs)
    reported = str(len(head))
    if chance.random() < 0.3:
        reported = chance.choice((*_LENGTHS, str(len(head) + chance.randint(-9, 9)), str(len(head) + len(tail))))
    return Wanted(INFER, head + tail, (("Inference-Header-Content-Length", reported),))


def coded(chance: random.Random) -> Wanted:
    """Packed bodies: spoilt before they are packed, after it, or both; and some that unpack to a lot."""
    match chance.randrange(3) if chance.random() < 0.99 else 3:
        case 0:
            packed = gzip.compress(spoilt_document(DOCUMENT, chance), 1)
        case 1:
            packed = spoilt_bytes(zlib.compress(json.dumps(DOCUMENT).encode()), chance)
        case 2:
            packed = spoilt_bytes(gzip.compress(json.dumps(DOCUMENT).encode(), 1), chance)
        case _:
            packed = _bomb()
    coding = chance.choice(("gzip", "deflate", "gzip, gzip", "deflate, gzip", "br", "", "identity", "GZIP"))
    accepted = chance.choice(("gzip", "deflate", "identity", "gzip;q=0", "*", "\u00e4"))
    return Wanted(INFER, packed, (("Content-Encoding", coding), ("Accept-Encoding", accepted)))


@cache
def _bomb() -> bytes:
    """256 MiB of blanks."""
    return gzip.compress(b" " * (256 << 20), 9)


def _table() -> pa.Table:
    town = pa.array(COLUMNS["town"]).dictionary_encode()
    since = pa.array(["2026-11-21T10:00:00", "2024-02-29T00:00:00"]).cast(pa.timestamp("us"))
    raw = pa.array([b"\0\1\2", None])
    return pa.table(
        {**{name: COLUMNS[name] for name in ("age", "visits", "member")}, "town": town, "since": since, "raw": raw}
    )


@cache
def _arrow() -> tuple[bytes, ...]:
    bodies = []
    for codec in (None, "lz4", "zstd"):
        for new in (pa.ipc.new_stream, pa.ipc.new_file):
            sink = io.BytesIO()
            with new(sink, _table().schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
                writer.write_table(_table())
            bodies.append(sink.getvalue())
    return (*bodies, *_arrow_bombs())


def _arrow_bombs() -> list[bytes]:
    """A few kilobytes that say gigabytes: zeros that are packed, one text that a dictionary repeats, also in a list."""
    zeros = pa.record_batch({"age": pa.array([0.0]).take(pa.array([0] * 5_000_000, pa.int8()))})
    town = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int8()), pa.array(["a" * 100_000]))
    inside = pa.ListArray.from_arrays([0, len(town)], town)
    bodies = []
    for batch in (zeros, pa.record_batch({"town": town}), pa.record_batch({"town": inside})):
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            for _ in range(20):
                writer.write_batch(batch)
        bodies.append(sink.getvalue())
    return bodies


@cache
def _parquet() -> tuple[bytes, ...]:
    bodies = []
    town = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int8()), pa.array(["a" * 100_000]))
    tables = [(_table(), codec) for codec in ("none", "snappy", "gzip", "zstd")]
    for table, codec in [*tables, (pa.table({"town": town}), "zstd")]:
        sink = io.BytesIO()
        pq.write_table(table, sink, compression=codec)
        bodies.append(sink.getvalue())
    return tuple(bodies)


def arrow(chance: random.Random) -> Wanted:
    body = chance.choice(_arrow())
    body = spoilt_bytes(body, chance) if chance.random() < 0.97 else body
    return Wanted("/predict", body, (("Content-Type", "application/vnd.apache.arrow.stream"),))


def parquet(chance: random.Random) -> Wanted:
    body = chance.choice(_parquet())
    body = spoilt_bytes(body, chance) if chance.random() < 0.97 else body
    return Wanted("/predict", body, (("Content-Type", "application/vnd.apache.parquet"),))


HTTP_FORMS: dict[str, tuple[str, Callable[[random.Random], Wanted]]] = {
    "json": ("Tensor", json_infer),
    "binary": ("Tensor", binary),
    "coded": ("Tensor", coded),
    "predict": ("Frame", json_predict),
    "csv": ("Frame", csv),
    "arrow": ("Frame", arrow),
    "parquet": ("Frame", parquet),
}
"""By name: the model that is asked, and what makes one request."""

_HEADS = (
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n"),
    *(b"Expect: 100-continue\r\n", b"X: " + b"a" * 70_000 + b"\r\n", b"\0: \0\r\n", b": x\r\n", b" folded\r\n"),
    b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
)
_CHUNK_SIZES = (b"5", b"f" * 18, b"-1", b"x", b"0", b"5;a=b")


def wire(chance: random.Random) -> bytes:
    """The bytes of a connection: two requests whose heads are spoilt, and what follows."""
    whole = Wanted(INFER, json.dumps(DOCUMENT).encode()).to_bytes()
    first, _, rest = whole.partition(b"\r\n")
    match chance.randrange(4):
        case 0:
            data = first + b"\r\n" + chance.choice(_HEADS) + rest
        case 1:
            data = spoilt_bytes(whole[:120], chance) + whole[120:]
        case 2:
            data = b"POST " + chance.choice(RAW).encode()[:3000] + b" HTTP/1.1\r\n" + rest
        case _:
            chunk = (
                f"{chance.choice(('5', 'ffffffffffffffffff', '-1', 'x', '0', '5;a=b'))}\r\nhello\r\n0\r\n\r\n".encode()
            )
            data = first + b"\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
    return data + whole
