"""From slices to figures: medians over the rounds, and ratios between servers that were measured in the same round, so
that what the machine did besides weighs on both. Pure arithmetic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.serving.results import Failure, Line, Repeated, Run, Slice, Started

MEASURES = ("per_second", "p50_us", "p99_us", "cpu_us", "memory_mb", "largest_mb", "client_share")


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of a ratio over the rounds, and its least and greatest."""

    middle: float
    least: float
    most: float


class Summary:
    """All results of one or several files."""

    def __init__(self, lines: Iterable[Line]) -> None:
        kept = list(lines)
        self.runs = [line for line in kept if isinstance(line, Run)]
        self.failures = [line for line in kept if isinstance(line, Failure)]
        self.repeated = [line for line in kept if isinstance(line, Repeated)]
        self._slices = [line for line in kept if isinstance(line, Slice)]
        self._starts = [line for line in kept if isinstance(line, Started)]
        self.models = _in_order(line.model for line in self._slices)
        self.workloads = _in_order(line.workload for line in self._slices)
        self.servers = _in_order(line.server for line in self._starts)

    def measured(self, model: str, workload: str) -> list[str]:
        """The servers that were measured so."""
        reported = {line.server for line in self._slices if (line.model, line.workload) == (model, workload)}
        return [server for server in self.servers if server in reported]

    def value(
        self, measure: str, server: str, *, model: str | None = None, workload: str | None = None
    ) -> float | None:
        """The median of a measure over all slices that fit; None where there is none."""
        values = [
            value
            for line in self._of(server, model=model, workload=workload)
            if (value := getattr(line, measure)) is not None
        ]
        return median(values) if values else None

    def errors(self, server: str, *, model: str, workload: str) -> int:
        """Requests that failed, over all rounds."""
        return sum(line.errors for line in self._of(server, model=model, workload=workload))

    def start_s(self, server: str, model: str | None = None) -> float | None:
        """The median time from the start of the process to the first right answer."""
        values = [line.seconds for line in self._starts if line.server == server and model in (None, line.model)]
        return median(values) if values else None

    def ratio(
        self, measure: str, server: str, base: str, *, model: str, workload: str, base_workload: str | None = None
    ) -> Ratio | None:
        """How many times the base's measure a server has; the base's own workload may be another one."""
        own = self._by_round(measure, server, model=model, workload=workload)
        others = self._by_round(measure, base, model=model, workload=base_workload or workload)
        ratios = [value / others[number] for number, value in own.items() if others.get(number)]
        return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None

    def _by_round(self, measure: str, server: str, *, model: str, workload: str) -> dict[int, float]:
        lines = self._of(server, model=model, workload=workload)
        return {line.round: value for line in lines if (value := getattr(line, measure)) is not None}

    def _of(self, server: str, *, model: str | None, workload: str | None) -> Sequence[Slice]:
        return [
            line
            for line in self._slices
            if line.server == server and model in (None, line.model) and workload in (None, line.workload)
        ]


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
