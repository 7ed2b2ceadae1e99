"""The observation of a completed request, and the observer interface. It imports no library."""

from dataclasses import dataclass
from typing import Any, Protocol

from modelyard_serving.runtimes.base import Tensors


class Carrier(Protocol):
    """The request's headers or metadata by lower-case name."""

    def get(self, key: str, default: Any = None) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One completed request."""

    verb: str
    """The path or method, e.g. `/v2/models/m/infer`, `inference.GRPCInferenceService/ModelInfer`."""
    carrier: Carrier
    outcome: str
    total_s: float
    queue_s: float = 0.0
    compute_s: float = 0.0
    inputs: Tensors | None = None
    outputs: Tensors | None = None
    """Both None for a failed request."""


class Observer(Protocol):
    """Observes completed requests."""

    def observe(self, observation: Observation) -> None:
        """Called on the event loop's thread. It must not block or raise, and may drop observations."""

    def close(self) -> None:
        """Flush. May block for a short time."""
