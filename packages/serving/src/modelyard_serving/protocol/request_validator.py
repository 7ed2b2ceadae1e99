"""Validates requests against the model's signature: names, datatypes, rank, shape and requested outputs, before the
model sees them. It converts nothing for a model whose signature is declared."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.elements import element_error
from modelyard_serving.protocol.frame_inputs import column_of, columns_of, example_request
from modelyard_serving.protocol.messages import InferRequest, RequestedOutput, Tensor
from modelyard_serving.signature import InputKind, Signature, TensorSpec


class RequestValidator:
    """Checks requests against one signature. It keeps nothing of a request and may be used by many threads."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._specs = {spec.name: spec for spec in signature.inputs}
        self._required = frozenset(spec.name for spec in signature.inputs if not spec.optional)
        self._outputs = frozenset(spec.name for spec in signature.outputs)
        self._is_frame = signature.kind is InputKind.FRAME

    def check(self, request: InferRequest) -> dict[str, npt.NDArray[Any]]:
        """The inputs that the request carries, all of them right.

        Raises:
            InvalidInput: names the tensor, what the model expects and what came.
        """
        if not request.inputs:
            raise InvalidInput(f"inputs is empty: expected {self._names()}" if self._specs else "inputs is empty")
        inputs: dict[str, npt.NDArray[Any]] = {}
        for tensor in self._columns(request.inputs) if self._is_frame else request.inputs:
            if tensor.name in inputs:
                raise InvalidInput(f"input {tensor.name!r} came twice")
            inputs[tensor.name] = self._check_tensor(tensor)
        if not self._required <= inputs.keys():
            missing = [spec.name for spec in self._signature.inputs if spec.name in self._required - inputs.keys()]
            raise InvalidInput(
                f"missing required input(s) {missing}: expected {self._names()}{self._hint(request.inputs[0])}"
            )
        if request.outputs is not None:
            self._check_outputs(request.outputs)
        if self._is_frame:
            _check_lengths(inputs)
        return inputs

    def _columns(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The columns of a frame that was sent as one tensor, where that is unambiguous."""
        if len(inputs) != 1 or inputs[0].name in self._specs:
            return inputs
        return columns_of(inputs[0], self._signature.inputs) or inputs

    def _check_tensor(self, tensor: Tensor) -> npt.NDArray[Any]:
        spec = self._specs.get(tensor.name)
        if spec is None:
            if not self._specs:
                return tensor.array
            raise InvalidInput(f"there is no input {tensor.name!r}: expected {self._names()}{self._hint(tensor)}")
        array = column_of(tensor.array) if self._is_frame else tensor.array
        if tensor.datatype is not spec.datatype:
            array = self._converted(tensor, array, spec)
        if len(array.shape) != len(spec.shape):
            raise self._wrong_shape(tensor, spec)
        for actual, expected in zip(array.shape, spec.shape, strict=True):
            if expected not in (actual, -1):
                raise self._wrong_shape(tensor, spec)
        if array.dtype.kind == "O":
            self._check_missing(tensor, spec)
        return array

    def _check_missing(self, tensor: Tensor, spec: TensorSpec) -> None:
        """A null is allowed in a frame's optional or string column only."""
        if self._is_frame and (spec.optional or spec.datatype is Datatype.BYTES):
            return
        for index, element in enumerate(tensor.array.flat):
            if element is None:
                raise element_error(tensor.name, index, spec.datatype, element)

    def _converted(self, tensor: Tensor, array: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[Any]:
        """The datatypes of an undeclared signature are guesses: a safe conversion is accepted."""
        is_safe = not self._signature.is_declared and np.can_cast(
            array.dtype, spec.datatype.numpy_dtype, casting="same_kind"
        )
        if is_safe and Datatype.BYTES not in (tensor.datatype, spec.datatype):
            return np.ascontiguousarray(array, dtype=spec.datatype.numpy_dtype)
        raise InvalidInput(f"input {tensor.name!r}: expected datatype {spec.datatype}, not {tensor.datatype}")

    def _check_outputs(self, outputs: tuple[RequestedOutput, ...]) -> None:
        seen: set[str] = set()
        for output in outputs:
            if self._outputs and output.name not in self._outputs:
                legal = ", ".join(repr(spec.name) for spec in self._signature.outputs)
                raise InvalidInput(f"there is no output {output.name!r}: the model has {legal}")
            if output.name in seen:
                raise InvalidInput(f"output {output.name!r} is asked for twice")
            seen.add(output.name)

    def _wrong_shape(self, tensor: Tensor, spec: TensorSpec) -> InvalidInput:
        return InvalidInput(
            f"input {tensor.name!r}: expected shape {list(spec.shape)} (-1 is any), not {list(tensor.array.shape)}"
            f"{self._hint(tensor)}"
        )

    def _hint(self, tensor: Tensor) -> str:
        """A hint with a valid request of as many rows."""
        rows = tensor.array.shape[0] if tensor.array.shape else 1
        return f"; send {example_request(self._signature.inputs, rows)}"

    def _names(self) -> str:
        return ", ".join(f"{spec.name!r} ({spec.datatype} {list(spec.shape)})" for spec in self._signature.inputs)


def _check_lengths(inputs: Mapping[str, npt.NDArray[Any]]) -> None:
    if len({array.shape[0] for array in inputs.values()}) > 1:
        lengths_text = ", ".join(f"{name!r} has {array.shape[0]}" for name, array in inputs.items())
        raise InvalidInput(f"the columns of a frame must be of one length: {lengths_text}")
