"""Tensors as the suite sees them, and their three forms on the wire, written apart from the server's own code.

A tensor's elements are one flat array, row-major; BYTES are arrays of `bytes`. BF16 is carried as `uint16`.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.conformance.rules import Violation

DTYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BF16": "<u2", "BYTES": "O",
}  # fmt: skip
CONTENTS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip
RAW_ONLY = ("FP16", "BF16")
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named tensor with its elements."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Array

    def to_json(self, *, nested: bool = False) -> dict[str, Any]:
        """Its form in a JSON request."""
        values = [value.decode() for value in self.data] if self.datatype == "BYTES" else self.data.tolist()
        data = np.array(values, dtype=object).reshape(self.shape).tolist() if nested else values
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape), "data": data}

    def to_bytes(self) -> bytes:
        """Its form in a binary request, and in gRPC's raw contents."""
        if self.datatype == "BYTES":
            return b"".join(len(value).to_bytes(4, "little") + value for value in self.data)
        return self.data.astype(DTYPES[self.datatype]).tobytes()

    def with_rows(self, rows: int) -> "Tensor":
        """The same tensor with its first rows repeated or cut to `rows`."""
        width = math.prod(self.shape[1:])
        return replace(self, shape=(rows, *self.shape[1:]), data=np.resize(self.data, rows * width))

    def row(self, index: int) -> "Tensor":
        """One row of it as a batch of one."""
        width = math.prod(self.shape[1:])
        return replace(self, shape=(1, *self.shape[1:]), data=self.data[index * width : (index + 1) * width])


def from_json(tensor: dict[str, Any]) -> Tensor:
    """An output tensor of a JSON answer. Raises Violation for what is not one."""
    name, datatype, shape = _head(tensor)
    if "data" not in tensor:
        raise Violation(f"output '{name}' has no data")
    flat = _flat(tensor["data"])
    if len(flat) != math.prod(shape):
        raise Violation(f"output '{name}': shape {list(shape)} asks for {math.prod(shape)} elements, {len(flat)} came")
    return Tensor(name, datatype, shape, _checked_array(name, datatype, flat))


def from_bytes(tensor: dict[str, Any], blob: bytes) -> Tensor:
    """An output tensor whose elements came as bytes. Raises Violation where their number does not fit."""
    name, datatype, shape = _head(tensor)
    if datatype == "BYTES":
        elements = split_bytes(blob)
    else:
        dtype = np.dtype(DTYPES[datatype])
        if len(blob) % dtype.itemsize:
            raise Violation(f"output '{name}': {len(blob)} bytes are no whole number of {datatype} elements")
        elements = np.frombuffer(blob, dtype)
    if len(elements) != math.prod(shape):
        raise Violation(f"output '{name}': shape {list(shape)} does not fit {len(elements)} elements")
    return Tensor(name, datatype, shape, elements)


def split_bytes(blob: bytes) -> Array:
    """The elements of a BYTES tensor from its length-prefixed form."""
    elements: list[bytes] = []
    position = 0
    while position < len(blob):
        end = position + 4 + int.from_bytes(blob[position : position + 4], "little")
        if end > len(blob) or position + 4 > len(blob):
            raise Violation("a BYTES element is longer than what came")
        elements.append(blob[position + 4 : end])
        position = end
    return objects(elements)


def objects(elements: list[bytes]) -> Array:
    """An array of bytes objects; NumPy alone would make it one of fixed width."""
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array


def same(left: Tensor, right: Tensor) -> bool:
    """Whether two tensors are equal up to the digits that JSON may lose."""
    if (left.name, left.datatype, left.shape) != (right.name, right.datatype, right.shape):
        return False
    if left.data.dtype.kind == "f":
        return bool(np.allclose(left.data, right.data, rtol=1e-5, atol=1e-7, equal_nan=True))
    return bool(np.array_equal(left.data, right.data))


def _head(tensor: Any) -> tuple[str, str, tuple[int, ...]]:
    if not isinstance(tensor, dict):
        raise Violation(f"an output must be an object, {tensor!r} came")
    for field, kind in (("name", str), ("datatype", str), ("shape", list)):
        if not isinstance(tensor.get(field), kind):
            raise Violation(f"an output's {field} must be a {kind.__name__}, {tensor.get(field)!r} came")
    shape = tensor["shape"]
    if not all(type(dim) is int and dim >= 0 for dim in shape):
        raise Violation(f"output '{tensor['name']}': shape must be of integers >= 0, {shape} came")
    if tensor["datatype"] not in DTYPES:
        raise Violation(f"output '{tensor['name']}': {tensor['datatype']!r} is no datatype of the protocol")
    return tensor["name"], tensor["datatype"], tuple(shape)


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise Violation(f"an output's data must be a list, {data!r} came")
    flat: list[Any] = []
    for element in data:
        flat.extend(_flat(element) if isinstance(element, list) else [element])
    return flat


def _checked_array(name: str, datatype: str, flat: list[Any]) -> Array:
    for value in flat:
        if not _is_of(datatype, value):
            raise Violation(f"output '{name}' holds {value!r}, which is no {datatype}")
    if datatype == "BYTES":
        return objects([value.encode() for value in flat])
    return np.array([math.nan if value is None else value for value in flat], dtype=DTYPES[datatype])


def _is_of(datatype: str, value: Any) -> bool:
    """Whether a JSON value may stand for an element; null stands for a float that is not a number."""
    if datatype == "BOOL":
        return isinstance(value, bool)
    if datatype == "BYTES":
        return isinstance(value, str)
    if datatype.startswith(("FP", "BF")):
        return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    if type(value) is not int:
        return False
    limits = np.iinfo(np.dtype(DTYPES[datatype]))
    return bool(limits.min <= value <= limits.max)
