"""What Envoy has counted of each deployment's requests since it started: answers, failures, and how long they took.

A request that no endpoint took counts as failed, and so does one whose connection broke. Envoy adds times every five
seconds, so they are a little behind the other counters.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.envoy.admin import EnvoyAdmin
from modelyard.gateway_node.comparer import ComparisonCounters

_PATTERN = r"^cluster\.dep-[0-9a-z-]+\.((http|grpc)\.upstream_rq_(completed|5xx|time)|grpc\.grpc\.(2|4|13|14|15))$"
"""The last are gRPC's statuses that are the server's fault: UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE and
DATA_LOSS."""
_NAME = re.compile(
    r"cluster\.(?P<backend>dep-[0-9a-z]+)(?:-shadow)?\.(?P<protocol>http|grpc)"
    r"\.upstream_rq_(?P<what>completed|5xx|time)"
)
_GRPC_FAILURE = re.compile(r"cluster\.(?P<backend>dep-[0-9a-z]+)\.grpc\.grpc\.(2|4|13|14|15)")
_LONGEST_MS = 60_000
"""Beyond this one everything is slow."""


@dataclass(frozen=True, slots=True)
class BackendCounters:
    """Of one deployment."""

    backend: str
    requests: int
    errors: int
    """Answers with a status of 500 and above, gRPC's statuses that say the same, and requests without an answer."""
    timed: int
    """How many times are in `slower`."""
    slower: tuple[tuple[float, int], ...]
    """Milliseconds, ascending, and how many answers took longer."""


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """What one node has counted and compared."""

    counters: Sequence[BackendCounters]
    comparisons: Sequence[ComparisonCounters]


def read_counters(admin: EnvoyAdmin) -> tuple[BackendCounters, ...]:
    """Those of all deployments that had a request.

    Raises:
        Unavailable: code `envoy_unavailable`.
    """
    return counters_of(admin.stats_with_buckets(_PATTERN))


def counters_of(stats: Sequence[Mapping[str, Any]]) -> tuple[BackendCounters, ...]:
    """The same, of Envoy's own answer. HTTP and gRPC of a deployment are added."""
    values: dict[str, dict[str, int]] = {}
    slower: dict[str, dict[float, int]] = {}
    for stat in stats:
        if (found := _NAME.fullmatch(stat.get("name", ""))) is not None:
            is_grpc_fault = found["protocol"] == "grpc" and found["what"] == "5xx"
            _add(values, found["backend"], "grpc_5xx" if is_grpc_fault else found["what"], stat)
        if (found := _GRPC_FAILURE.fullmatch(stat.get("name", ""))) is not None:
            _add(values, found["backend"], "grpc_failures", stat)
        for histogram in stat.get("histograms", ()):
            if (found := _NAME.fullmatch(histogram["name"])) is not None:
                backend = found["backend"]
                _add_times(values.setdefault(backend, {}), slower.setdefault(backend, {}), histogram["buckets"])
    return tuple(
        BackendCounters(
            backend=backend,
            requests=mine["completed"],
            errors=_errors(mine),
            timed=mine.get("time", 0),
            slower=tuple(sorted(slower.get(backend, {}).items())),
        )
        for backend, mine in sorted(values.items())
        if mine.get("completed")
    )


def _add(values: dict[str, dict[str, int]], backend: str, what: str, stat: Mapping[str, Any]) -> None:
    mine = values.setdefault(backend, {})
    mine[what] = mine.get(what, 0) + int(stat["value"])


def _errors(counted: Mapping[str, int]) -> int:
    """A gRPC call that the gateway itself ends is in both of gRPC's counters."""
    of_grpc = max(counted.get("grpc_5xx", 0), counted.get("grpc_failures", 0))
    return min(counted["completed"], counted.get("5xx", 0) + of_grpc)


def _add_times(values: dict[str, int], slower: dict[float, int], buckets: Sequence[Mapping[str, Any]]) -> None:
    total = int(buckets[-1]["cumulative"]) if buckets else 0
    values["time"] = values.get("time", 0) + total
    for bucket in buckets:
        bound = float(bucket["upper_bound"])
        if bound <= _LONGEST_MS:
            slower[bound] = slower.get(bound, 0) + total - int(bucket["cumulative"])
