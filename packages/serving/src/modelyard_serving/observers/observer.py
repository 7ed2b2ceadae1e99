"""What is seen of a request that ended, and who looks. It names no library."""

from dataclasses import dataclass
from typing import Any, Protocol

from modelyard_serving.runtimes.base import Tensors


class Carrier(Protocol):
    """The request's headers or metadata by lower-case name."""

    def get(self, key: str, default: Any = None) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One request that ended just now."""

    verb: str
    """What was called, e.g. `/v2/models/m/infer`, `inference.GRPCInferenceService/ModelInfer`."""
    carrier: Carrier
    outcome: str
    total_s: float
    queue_s: float = 0.0
    compute_s: float = 0.0
    inputs: Tensors | None = None
    outputs: Tensors | None = None
    """Both None for a request that was not answered."""


class Observer(Protocol):
    """Takes note of requests."""

    def observe(self, observation: Observation) -> None:
        """Called on the event loop's thread. It must not block or raise, and may drop what it cannot take."""

    def close(self) -> None:
        """Write what is still to be written. May block for a short while."""
