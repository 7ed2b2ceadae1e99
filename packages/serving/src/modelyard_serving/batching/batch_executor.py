"""Executes calls of one batch key as one prediction: join the inputs, predict, split the outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from modelyard_serving.batching.batch import Key, batch_key, join, split
from modelyard_serving.runtimes.base import Tensors


@dataclass(slots=True, eq=False)
class BatchCall:
    """One request's call of the model, as a function without arguments that keeps its inputs."""

    predict: "PredictFunction"
    inputs: Tensors
    outputs: Sequence[str] | None
    parameters: Mapping[str, Any] | None

    def __call__(self) -> Tensors:
        return self.predict(self.inputs, self.outputs, self.parameters)

    def key(self) -> Key | None:
        """The batch key; None where the call cannot be batched."""
        return batch_key(self.inputs, self.outputs, self.parameters)


class PredictFunction(Protocol):
    """A prediction of the model."""

    def __call__(
        self, inputs: Tensors, outputs: Sequence[str] | None, parameters: Mapping[str, Any] | None
    ) -> Tensors: ...


class _BatchedCall(Protocol):
    @property
    def function(self) -> Any: ...

    @property
    def rows(self) -> int: ...


class TensorBatchExecutor:
    """Calls whose functions are `BatchCall`s of one key, as one prediction."""

    def __init__(self, max_rows: int) -> None:
        self.max_rows = max_rows

    def __call__(self, calls: Sequence[_BatchedCall]) -> Sequence[Tensors]:
        requests: list[BatchCall] = [call.function for call in calls]
        first = requests[0]
        outputs = first.predict(join([request.inputs for request in requests]), first.outputs, first.parameters)
        return split(outputs, [call.rows for call in calls])
