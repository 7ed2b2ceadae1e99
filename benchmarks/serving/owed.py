"""What the server owes by its design, and whether the figures pay it."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.serving.peers.floor import GRANIAN
from benchmarks.serving.peers.mlserver import PEER as MLSERVER
from benchmarks.serving.peers.modelyard import COMPILED, FORMS, NATIVE
from benchmarks.serving.peers.registry import PEERS
from benchmarks.serving.summary import Ratio, Summary

_FLOORS = ("granian-echo", "httptools-echo")


@dataclass(frozen=True, slots=True)
class Debt:
    """One line of what is owed."""

    what: str
    owed: str
    measured: str
    is_paid: bool


def debts(summary: Summary) -> Iterator[Debt]:
    """All that these results can tell."""
    for model in summary.models:
        yield from _against_mlserver(summary, model)
        yield from _against_floor(summary, model)
        yield from _forms(summary, model)
        yield from _native(summary, model)
        yield from _of_the_process(summary, model)


def _against_mlserver(summary: Summary, model: str) -> Iterator[Debt]:
    for workload, base_workload, least, title in (
        ("json-1-16", None, 20.0, "REST, one row, 16 connections"),
        ("grpc-1-16", None, 4.0, "gRPC, one row, 16 connections"),
        ("json-1000-16", None, 3.0, "1000 rows, JSON"),
        ("binary-1000-16", "json-1000-16", 10.0, "1000 rows, binary against MLServer's JSON"),
    ):
        ratio = summary.ratio(
            "per_second", COMPILED.name, MLSERVER.name, model=model, workload=workload, base_workload=base_workload
        )
        if ratio is not None:
            reported = f"≥ {least:g} × MLServer's requests/s"
            yield Debt(f"{model}: {title}", reported, times(ratio), ratio.middle >= least)
    latency = summary.ratio("p99_us", COMPILED.name, MLSERVER.name, model=model, workload="json-1-16")
    if latency is not None:
        yield Debt(f"{model}: REST, one row, p99", "lower than MLServer's", times(latency), latency.middle < 1)


def _against_floor(summary: Summary, model: str) -> Iterator[Debt]:
    ratio = summary.ratio("per_second", COMPILED.name, GRANIAN.name, model=model, workload="json-1-16")
    if ratio is not None:
        reported = f"{ratio.middle:.0%} ({ratio.least:.0%} to {ratio.most:.0%})"
        yield Debt(f"{model}: REST, one row, 16 connections", "≥ 70 % of a bare Granian", reported, ratio.middle >= 0.7)


def _forms(summary: Summary, model: str) -> Iterator[Debt]:
    """As fast on whatever one hands over: requests are gathered, with an example in the files or without."""
    for peer in FORMS:
        ratios = [
            summary.ratio("per_second", peer.name, base, model=model, workload="json-1-16")
            for base in (MLSERVER.name, GRANIAN.name)
        ]
        for ratio, least, base in zip(ratios, (15.0, 1.0), ("MLServer", "a bare Granian"), strict=True):
            if ratio is not None:
                reported = f"≥ {least:g} × {base}'s requests/s"
                yield Debt(f"{model}: {peer.title}, one row", reported, times(ratio), ratio.middle >= least)


def _native(summary: Summary, model: str) -> Iterator[Debt]:
    for workload in summary.workloads:
        peers = [name for name in summary.measured(model, workload) if name in PEERS and name not in _ours_and_floors()]
        ratios = {
            name: ratio
            for name in peers
            if (ratio := summary.ratio("per_second", NATIVE.name, name, model=model, workload=workload))
        }
        if ratios:
            nearest = min(ratios, key=lambda name: ratios[name].middle)
            reported = f"{times(ratios[nearest])} the nearest, {PEERS[nearest].title}"
            is_paid = ratios[nearest].middle > 1
            yield Debt(f"{model}: native, {workload}", "ahead of every Python peer", reported, is_paid)


def _of_the_process(summary: Summary, model: str) -> Iterator[Debt]:
    seconds = summary.start_s(COMPILED.name, model)
    if seconds is not None:
        yield Debt(f"{model}: start of a compiled bundle", "< 1 s", f"{seconds:.2f} s", seconds < 1)
    held = summary.value("largest_mb", COMPILED.name, model=model)
    if held is not None:
        yield Debt(
            f"{model}: resident memory of a worker, compiled", "< 120 MB", f"{held * 1.048576:.0f} MB", held < 114
        )


def times(ratio: Ratio) -> str:
    """As people read it."""
    return f"{number(ratio.middle)} × ({number(ratio.least)} to {number(ratio.most)})"


def number(value: float) -> str:
    """Three digits, no more."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ours_and_floors() -> tuple[str, ...]:
    return (*(peer.name for peer in (*FORMS, NATIVE)), *_FLOORS)
