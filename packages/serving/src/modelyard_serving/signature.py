"""A model's inputs and outputs in the protocol's terms. Pure: it reads no file and checks no request."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelyard_serving.protocol.datatypes import Datatype

DEFAULT_INPUT = "input"
"""The name of a single unnamed input (MLflow's unnamed tensor, a model that was fitted on an array)."""
DEFAULT_OUTPUT = "predictions"
"""The name of a single unnamed output."""
PROBABILITIES = "probabilities"
"""The name of a classifier's second output, `[n, classes]`. It is optional: computed only when a caller names it."""


class InputKind(StrEnum):
    """How the model takes its inputs."""

    TENSORS = "tensors"
    """Each input is an array of its own (an ONNX graph, a network, an sklearn model that was fitted on an array)."""
    FRAME = "frame"
    """The inputs are the columns of one frame, each of shape [-1]; the model is called with the frame."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output.

    `shape` counts the batch: -1 stands for a variable dimension, so `[-1, 30]` is any number of rows of 30 values.
    `logical_type` keeps what the protocol cannot say of a frame's column: `datetime` (ISO 8601 text), `string`,
    `category`, `binary`, `json` (a nested value as JSON text).

    `optional`: an input that may be left out, or whose values may be missing; an output that is computed only when
    a request names it, so that a request that names no outputs does not pay for it.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    optional: bool = False
    logical_type: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of a model, in order. `is_declared` is False where the runtime inferred them; then only
    what it knows for certain is enforced."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    kind: InputKind = InputKind.TENSORS
    is_declared: bool = True
    params: dict[str, Any] = field(default_factory=dict)
    """Inference parameters with their defaults, as an MLflow signature declares them."""

    @property
    def default_outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs of a request that names none: all that are not optional."""
        return tuple(output for output in self.outputs if not output.optional)
