"""A small, slow and deliberately conformant core of the protocol, to try the suite on: three models, one validation.

Each refusal carries a name. A server with the defect `accepts <name>` answers 200 where it should have refused, so that
every negative rule has a server that breaks it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

DTYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BYTES": "O",
}  # fmt: skip
MAX_ELEMENTS = 1 << 24
VERSIONS = ("1", "2")


@dataclass(frozen=True)
class Spec:
    """A declared input or output."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class FakeModel:
    """A model that gives its inputs back, under other names."""

    name: str
    inputs: tuple[Spec, ...]

    @property
    def outputs(self) -> tuple[Spec, ...]:
        return tuple(Spec(f"{spec.name}_out", spec.datatype, spec.shape) for spec in self.inputs)

    def predict(self, tensors: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
        return {f"{name}_out": Tensor(f"{name}_out", t.datatype, t.shape, t.data) for name, t in tensors.items()}

    def any_answer(self) -> dict[str, "Tensor"]:
        """An answer to nothing in particular, for a server that accepts what it should not."""
        zeros = {}
        for spec in self.inputs:
            shape = tuple(1 if dim < 0 else dim for dim in spec.shape)
            data = np.array([b"a"] * math.prod(shape), dtype=object) if spec.datatype == "BYTES" else None
            zeros[spec.name] = Tensor(
                spec.name, spec.datatype, shape, np.ones(shape, DTYPES[spec.datatype]) if data is None else data
            )
        return self.predict(zeros)


MODELS = {
    model.name: model
    for model in (
        FakeModel("echo", (Spec("x", "FP32", (-1, 3)), Spec("n", "INT8", (-1, 2)), Spec("s", "BYTES", (-1, 1)))),
        FakeModel("scale", (Spec("x", "FP32", (-1, 4)),)),
        FakeModel("half", (Spec("h", "FP16", (-1, 2)),)),
    )
}


@dataclass(frozen=True)
class Tensor:
    """A tensor with flat elements; those of BYTES are `bytes`."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: npt.NDArray[Any]


@dataclass
class Refused(Exception):
    """A request that is not answered. `what` names the reason for defects, `kind` its transport-free class."""

    what: str
    message: str
    kind: str = "invalid"


@dataclass
class Inference:
    """A request, decoded by a transport as far as it can be without knowing the model."""

    tensors: list[Tensor]
    outputs: list[str] = field(default_factory=list)


def find_model(name: str, version: str | None = None) -> FakeModel:
    """The model, or a refusal."""
    if name not in MODELS:
        what = "model names in another case" if name.lower() in MODELS else "unknown models"
        raise Refused(what, f"no model '{name[:80]}'", "not_found")
    if version and version not in VERSIONS:
        raise Refused("unknown versions", f"no version '{version[:80]}'", "not_found")
    return MODELS[name]


def check_head(name: Any, datatype: Any, shape: Any) -> tuple[int, ...]:
    """Refuse a tensor that no model can take, before its elements are looked at; its shape."""
    if not isinstance(name, str) or not name:
        raise Refused("unnamed inputs", "an input needs a name")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        in_another_case = isinstance(datatype, str) and datatype.upper() in DTYPES
        what = "datatypes in another case" if in_another_case else "unknown datatypes"
        raise Refused("missing datatypes" if datatype is None else what, f"no datatype {datatype!r}")
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise Refused("missing shapes", f"input '{name}' needs a shape")
    for dim in shape:
        if type(dim) is not int:
            raise Refused("odd dimensions", f"input '{name}': a dimension is an integer, {dim!r} came")
        if dim < 0:
            raise Refused("negative dimensions", f"input '{name}': dimension {dim} is negative")
    if math.prod(shape) > MAX_ELEMENTS:
        raise Refused("huge shapes", f"input '{name}': {list(shape)} has too many elements")
    return tuple(shape)


def from_raw(name: str, datatype: str, shape: tuple[int, ...], blob: bytes) -> Tensor:
    """A tensor from its binary form."""
    count = math.prod(shape)
    if datatype == "BYTES":
        elements = split(blob)
        if len(elements) != count:
            raise Refused("wrong counts of BYTES", f"input '{name}': {count} elements expected, {len(elements)} came")
        data = np.empty(count, dtype=object)
        data[:] = elements
        return Tensor(name, datatype, shape, data)
    dtype = np.dtype(DTYPES[datatype])
    if len(blob) != count * dtype.itemsize:
        raise Refused("wrong sizes", f"input '{name}': {count * dtype.itemsize} bytes expected, {len(blob)} came")
    return Tensor(name, datatype, shape, np.frombuffer(blob, dtype))


def split(blob: bytes) -> list[bytes]:
    """The elements of BYTES."""
    elements, position = [], 0
    while position < len(blob):
        length = int.from_bytes(blob[position : position + 4], "little")
        if position + 4 + length > len(blob):
            raise Refused("truncated BYTES", "an element of BYTES runs over the end")
        elements.append(blob[position + 4 : position + 4 + length])
        position += 4 + length
    return elements


def to_raw(tensor: Tensor) -> bytes:
    """The binary form of a tensor."""
    if tensor.datatype == "BYTES":
        return b"".join(len(value).to_bytes(4, "little") + value for value in tensor.data)
    return bytes(tensor.data.astype(DTYPES[tensor.datatype]).tobytes())


def run(model: FakeModel, request: Inference) -> list[Tensor]:
    """Check the request against the model and predict."""
    _check_names(model, [tensor.name for tensor in request.tensors])
    specs = {spec.name: spec for spec in model.inputs}
    for tensor in request.tensors:
        _check_spec(specs[tensor.name], tensor)
    _check_outputs(model, request.outputs)
    outputs = model.predict({tensor.name: tensor for tensor in request.tensors})
    return [outputs[name] for name in request.outputs or [spec.name for spec in model.outputs]]


def _check_names(model: FakeModel, names: list[str]) -> None:
    expected = [spec.name for spec in model.inputs]
    reported = f"the inputs are {', '.join(expected)}; {', '.join(names)} came"
    unknown = [name for name in names if name not in expected]
    if unknown and set(expected) <= set(names):
        raise Refused("extra inputs", reported)
    if unknown:
        what = "input names in another case" if unknown[0].lower() in expected else "unknown inputs"
        raise Refused(what, reported)
    if len(set(names)) != len(names):
        raise Refused("duplicate inputs", reported)
    if set(names) != set(expected):
        raise Refused("missing inputs", reported)


def _check_spec(spec: Spec, tensor: Tensor) -> None:
    if tensor.datatype != spec.datatype:
        raise Refused("other datatypes", f"input '{spec.name}' is {spec.datatype}, {tensor.datatype} came")
    reported = f"input '{spec.name}' has the shape {list(spec.shape)}, {list(tensor.shape)} came"
    if len(tensor.shape) != len(spec.shape):
        raise Refused("wrong ranks", reported)
    if any(want not in (-1, got) for want, got in zip(spec.shape, tensor.shape, strict=True)):
        raise Refused("wrong dimensions", reported)


def _check_outputs(model: FakeModel, names: Iterable[str]) -> None:
    asked = list(names)
    known = [spec.name for spec in model.outputs]
    for name in asked:
        if name not in known:
            raise Refused("unknown outputs", f"the outputs are {', '.join(known)}; {name} came")
    if len(set(asked)) != len(asked):
        raise Refused("duplicate outputs", "an output is requested twice")
