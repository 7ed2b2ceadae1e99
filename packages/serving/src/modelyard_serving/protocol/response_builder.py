"""Builds responses from the arrays that a model returned: the requested outputs in order, each with a datatype of the
protocol, classified where the client asks for it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.protocol.classification import classify
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, InferResponse, RequestedOutput, Tensor
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature


class ResponseBuilder:
    """Builds the responses of one model."""

    def __init__(self, name: str, version: str, signature: Signature) -> None:
        self._name = name
        self._version = version
        self._declared = {spec.name: (spec.datatype, spec.datatype.numpy_dtype) for spec in signature.outputs}
        # Undeclared outputs may differ between predictions: then a response has whatever the model returned.
        self._defaults = [spec.name for spec in signature.default_outputs] if signature.is_declared else []

    def build(self, result: Tensors, request: InferRequest) -> InferResponse:
        """The response to one request.

        Raises:
            InvalidInput: a classification of an output that cannot be classified.
            ServingError: of kind INTERNAL, when an output is missing or of a type that no protocol carries.
        """
        if request.outputs is None:
            outputs = [self._tensor(name, result) for name in self._defaults or result]
        else:
            outputs = [self._requested(output, result) for output in request.outputs]
        return InferResponse(self._name, self._version, outputs, request.id)

    def _requested(self, output: RequestedOutput, result: Tensors) -> Tensor:
        tensor = self._tensor(output.name, result)
        return classify(tensor, output.classification) if output.classification else tensor

    def _tensor(self, name: str, result: Tensors) -> Tensor:
        array = result.get(name)
        if array is None:
            raise ServingError(f"the model gave no output {name!r}", kind=Kind.INTERNAL)
        declared = self._declared.get(name)
        if declared is not None and array.dtype == declared[1] and array.flags.c_contiguous:
            return Tensor(name, declared[0], array)
        return Tensor(name, *to_protocol_array(name, array))


def to_protocol_array(name: str, array: npt.NDArray[Any]) -> tuple[Datatype, npt.NDArray[Any]]:
    """The array as the protocol can carry it: dates as ISO 8601 strings, other byte orders turned."""
    if array.dtype.kind == "M":
        array = np.datetime_as_string(array).astype(object)
    elif array.dtype.kind == "m":
        array = array.astype(str).astype(object)
    try:
        datatype = Datatype.of(array.dtype)
    except KeyError as error:
        raise ServingError(f"output {name!r} has a type that the protocol cannot carry", kind=Kind.INTERNAL) from error
    return datatype, np.ascontiguousarray(array, dtype=datatype.numpy_dtype).reshape(array.shape)
