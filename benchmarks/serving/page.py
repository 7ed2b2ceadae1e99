"""The page of the results: tables in Markdown, pictures beside them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.serving.owed import debts, number, times
from benchmarks.serving.peers.registry import BASE, PEERS, SLOWER_BASE
from benchmarks.serving.results import Failure, Line, Repeated, Run
from benchmarks.serving.summary import Summary
from benchmarks.serving.workloads import Workload

from benchmarks.serving import plots

_INTRODUCTION = """# The serving benchmark

Written by `make bench`. One server (one worker) on one core, the load generator on the other; every server has the
same model, the same rows and its production settings (below). Servers are measured one at a time in short slices, in
an order that is drawn anew for each round, while the others are stopped in their tracks (where one cannot be,
its settings say so); **ratios are between slices
of the same round**, given as the median over the rounds and the range. Before each slice one answer is compared with
the process that trained the model, and whatever is not a 200 is counted. Processor time is that of all of a server's
processes for each request. The base of the ratios is {base} at its fastest settings; the ratios to the same
server as it comes stand beside them.
"""
_READING = """How it is made, how to run it, and how to add a server: `benchmarks/serving/README.md`.
"""


def write_page(lines: Iterable[Line], path: Path) -> None:
    """Write the page and its pictures."""
    summary = Summary(lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = plots.draw(summary, path.parent)
    path.write_text("\n".join(_page(summary, pictures)) + "\n")


def _page(summary: Summary, pictures: Sequence[plots.Picture]) -> Iterator[str]:
    yield _INTRODUCTION.format(base=PEERS[BASE].title)
    yield _READING
    yield from _circumstances(summary.runs)
    for picture in pictures:
        yield f"![{picture.caption}]({picture.file})\n"
    yield "## What is owed\n"
    rows = [(debt.what, debt.owed, debt.measured, "yes" if debt.is_paid else "**no**") for debt in debts(summary)]
    yield from _table(("", "owed", "measured", "paid"), rows)
    for model in summary.models:
        yield f"## {model.capitalize()}\n"
        for workload in summary.workloads:
            yield from _workload(summary, model, workload)
    yield from _processes(summary)
    yield from _settings(summary)
    yield from _failures(summary)


def _circumstances(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        pinned = "pinned" if run.pinned else "not pinned, for there is one core"
        yield (
            f"Run of {run.date}: {run.machine}, {run.cores} cores, {pinned}; Python {run.python};"
            f" {run.rounds} rounds of {run.seconds:g} s; load average before it {run.load_before:.1f}.\n"
        )


def _workload(summary: Summary, model: str, workload: str) -> Iterator[str]:
    servers = summary.measured(model, workload)
    if not servers:
        return
    yield f"### {Workload.parse(workload).title}\n"
    rows = sorted((_row(summary, server, model, workload) for server in servers), key=lambda row: -row[0])
    heads = ("", "requests/s", "× MLServer", "× its defaults", "p50 ms", "p99 ms", "processor µs", "errors")
    yield from _table(heads, [row[1] for row in rows])


def _row(summary: Summary, server: str, model: str, workload: str) -> tuple[float, Sequence[str]]:
    def reported(measure: str, scale: float = 1.0) -> str:
        value = summary.value(measure, server, model=model, workload=workload)
        return "–" if value is None else number(value * scale)

    rate = summary.value("per_second", server, model=model, workload=workload) or 0.0
    ratios = [summary.ratio("per_second", server, base, model=model, workload=workload) for base in (BASE, SLOWER_BASE)]
    return rate, (
        PEERS[server].title,
        f"{rate:,.0f}" if rate >= 100 else number(rate),
        *("–" if ratio is None else times(ratio) for ratio in ratios),
        reported("p50_us", 1e-3),
        reported("p99_us", 1e-3),
        reported("cpu_us"),
        str(summary.errors(server, model=model, workload=workload)),
    )


def _processes(summary: Summary) -> Iterator[str]:
    yield "## Start and memory\n"
    yield (
        "Seconds from the start of the process to the first right answer; memory of all of the server's processes"
        " together (shared pages once) and the resident memory of the largest, in MiB, after load.\n"
    )
    rows = []
    for server in summary.servers:
        for model in summary.models:
            start, total = summary.start_s(server, model), summary.value("memory_mb", server, model=model)
            largest = summary.value("largest_mb", server, model=model)
            if start is not None and total is not None and largest is not None:
                rows.append((PEERS[server].title, model, f"{start:.2f}", f"{total:.0f}", f"{largest:.0f}"))
    yield from _table(("", "model", "start s", "memory MiB", "largest MiB"), rows)


def _settings(summary: Summary) -> Iterator[str]:
    yield "## The servers' settings\n"
    yield (
        "Where a line says nothing else: one worker, `OMP_NUM_THREADS=1`, no log of requests. Nothing is tuned to the"
        " rows that are sent.\n"
    )
    yield from _table(("", "settings"), [(PEERS[name].title, PEERS[name].settings) for name in summary.servers])
    shares = [
        (server, workload, share)
        for server in summary.servers
        for workload in summary.workloads
        if (share := summary.value("client_share", server, workload=workload)) is not None
    ]
    if shares:
        server, workload, share = max(shares, key=lambda each: each[2])
        yield (
            f"The load generator never used more than {share:.0%} of its core ({PEERS[server].title}, {workload};"
            " median over the rounds).\n"
        )


def _failures(summary: Summary) -> Iterator[str]:
    if summary.failures:
        yield "## What could not be measured\n"
        yield from _lost(summary.failures)
    if summary.repeated:
        yield "## What was measured on a second attempt\n"
        yield "The server was lost, or did not start, and was started anew; the slice was taken then.\n"
        yield from _lost(summary.repeated)


def _lost(lines: Sequence[Failure | Repeated]) -> Iterator[str]:
    rows = [(PEERS[line.server].title, line.model, line.workload or "start", _reason(line.reason)) for line in lines]
    yield from _table(("", "model", "what", "why"), rows)


def _reason(reported: str) -> str:
    """The sentence and, where a log follows, its last line."""
    lines = [line.strip() for line in reported.splitlines() if line.strip()]
    ending = f" {lines[-1][:200]}" if len(lines) > 1 else ""
    return f"{lines[0][:300]}{ending}".replace("|", "\\|")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join('---' for _ in heads)} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
