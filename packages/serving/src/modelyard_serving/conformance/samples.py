"""Makes valid inputs from what a model declares, or from an example request that the user gave. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard_serving.conformance.rules import NotApplicable
from modelyard_serving.conformance.tensors import DTYPES, Array, Tensor, objects

ROWS = 2
INNER = 2  # For a variable dimension other than the first.


@dataclass(frozen=True, slots=True)
class Declared:
    """An input or output as the model's metadata declares it."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether a shape fits the declared one."""
        return len(shape) == len(self.shape) and all(
            want in (-1, got) for want, got in zip(self.shape, shape, strict=True)
        )


def declared(metadata: Mapping[str, Any], field: str) -> tuple[Declared, ...]:
    """The well-formed tensors of one list of the metadata; whether all are well-formed is a check of its own."""
    tensors = metadata.get(field)
    return tuple(
        Declared(str(tensor["name"]), str(tensor["datatype"]), tuple(tensor["shape"]))
        for tensor in (tensors if isinstance(tensors, list) else [])
        if isinstance(tensor, dict)
        and {"name", "datatype", "shape"} <= tensor.keys()
        and isinstance(tensor["shape"], list)
        and all(type(dim) is int for dim in tensor["shape"])
    )


def sample(inputs: Sequence[Declared]) -> tuple[Tensor, ...]:
    """One valid tensor for every declared input; the first variable dimension is the batch, the same for all."""
    if not inputs:
        raise NotApplicable("the model declares no inputs; give an example with --request")
    return tuple(_sample(spec) for spec in inputs)


def from_request(request: Mapping[str, Any]) -> tuple[Tensor, ...]:
    """The inputs of an example request in the protocol's JSON form."""
    return tuple(_from_json(tensor) for tensor in request["inputs"])


def _sample(spec: Declared) -> Tensor:
    if spec.datatype not in DTYPES:
        raise NotApplicable(f"input '{spec.name}' declares {spec.datatype!r}, which is no datatype of the protocol")
    variable = [ROWS, *[INNER] * len(spec.shape)]
    shape = tuple(variable[min(index, 1)] if dim < 0 else dim for index, dim in enumerate(spec.shape))
    return Tensor(spec.name, spec.datatype, shape, _values(spec.datatype, math.prod(shape)))


def _values(datatype: str, count: int) -> Array:
    """Small values, each exact in every datatype, so that they survive any road."""
    if datatype == "BYTES":
        return objects([b"abcdefg"[index % 7 :][:1] for index in range(count)])
    if datatype == "BF16":
        return np.full(count, 0x3F80, dtype="<u2")  # 1.0
    steps = np.arange(count) % 7
    if datatype == "BOOL":
        return np.asarray(steps % 2 == 0)
    return (steps + 1).astype(DTYPES[datatype]) if datatype[0] in "IU" else (steps * 0.5 + 0.5).astype(DTYPES[datatype])


def _from_json(tensor: Mapping[str, Any]) -> Tensor:
    flat = np.array(tensor["data"], dtype=object).reshape(-1).tolist()
    datatype = str(tensor["datatype"])
    data = objects([str(value).encode() for value in flat]) if datatype == "BYTES" else np.array(flat, DTYPES[datatype])
    return Tensor(str(tensor["name"]), datatype, tuple(tensor["shape"]), data)
