"""The result of a verification, as `report.json` holds it: it belongs to the version, accepted or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from modelyard_serving.compile.speed import Speed
from modelyard_serving.compile.verify import ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE

SCHEMA = "modelyard.compilation/1"


@dataclass(frozen=True, slots=True)
class Report:
    """One verification of one model."""

    accepted: bool
    computes_in: str | None
    """How the accepted graph computes, e.g. `float64`."""
    reasons: tuple[str, ...]
    """Why candidates were refused, in the order in which they were tried."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """How many rows were tried: `example`, `sampled`, `near_edges`, `refused`."""
    largest_difference: Mapping[str, float] = field(default_factory=dict)
    speed: Sequence[Speed] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of the graph."""
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """One sentence for people."""
        if not self.accepted:
            return f"not compiled: {self.reasons[-1] if self.reasons else 'there is no translation'}"
        ratio = next(iter(self.speed)).ratio
        return f"compiled: {sum(self.rows.values())} rows agree, one row is {ratio:.1f} times as fast"

    def document(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "accepted": self.accepted,
            "computes_in": self.computes_in,
            "reasons": list(self.reasons),
            "rows": dict(self.rows),
            "tolerance": {"relative": RELATIVE_TOLERANCE, "absolute": ABSOLUTE_TOLERANCE},
            "largest_difference": dict(self.largest_difference),
            "speed": [
                {
                    "rows": speed.rows,
                    "original_us": round(speed.original_s * 1e6, 1),
                    "compiled_us": round(speed.compiled_s * 1e6, 1),
                    "speed_up": round(speed.ratio, 2),
                }
                for speed in self.speed
            ],
            "sizes": dict(self.sizes),
            "libraries": dict(self.libraries),
        }

    def to_json(self) -> bytes:
        return orjson.dumps(self.document(), option=orjson.OPT_INDENT_2)
