"""The requests and responses of the protocol, free of JSON, binary and gRPC. They hold tensors and check nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from modelyard_serving.protocol.datatypes import Datatype

Parameter = str | bool | int | float
Parameters = Mapping[str, Parameter]
NO_PARAMETERS: Parameters = MappingProxyType({})


@dataclass(slots=True)
class Tensor:
    """A named tensor as it travels: `array` has the shape and, but for BF16's bits, the dtype of `datatype`."""

    name: str
    datatype: Datatype
    array: npt.NDArray[Any]


@dataclass(slots=True)
class RequestedOutput:
    """An output that the caller asks for. `binary` None leaves the form to the request's own default."""

    name: str
    binary: bool | None = None
    classification: int = 0


@dataclass(slots=True)
class InferRequest:
    """One inference, decoded. `outputs` None asks for all of them; `id` None is not returned."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: Parameters = field(default_factory=lambda: NO_PARAMETERS)
    outputs: tuple[RequestedOutput, ...] | None = None


@dataclass(slots=True)
class InferResponse:
    """One response: the requested outputs, in the requested order."""

    model_name: str
    model_version: str
    outputs: list[Tensor]
    id: str | None = None
