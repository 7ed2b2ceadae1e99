"""Reads of the registry beside MLflow's REST server: the same catalogue, the same questions, one run.

    python -m benchmarks.registry [--models 2000] [--versions 50] [--long 200000] [--samples 400] [--seconds 10]

Writes docs/benchmarks/registry.md with `--write`. The whole takes about ten minutes.
"""

import argparse
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.registry.catalogue import Size, entries
from benchmarks.registry.measure import Timing, time_pages, time_read
from benchmarks.registry.postgres import postgres
from benchmarks.registry.reads import reads
from benchmarks.registry.servers import Server, await_quiet, mlflow, modelyard
from rich.console import Console

from benchmarks.registry import seed_mlflow, seed_modelyard

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks" / "registry.md"
_PAGE_LIMIT = 200
_STEPS = 3
_BEGUN = time.monotonic()
Phases = tuple[dict[str, Timing], dict[str, Timing]]
"""A question's timings by product: when it is asked for the first time, and when it is asked again."""

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Result:
    """What one database gave."""

    database: str
    timings: dict[str, Phases]
    """By question."""
    pages: Timing
    long_versions: int
    memory_growth: int


def main() -> None:
    """Fill, ask, tell."""
    options = _options()
    size = Size(models=options.models, versions=options.versions, long_versions=options.long)
    with tempfile.TemporaryDirectory(prefix="modelyard-bench-") as folder:
        home = Path(folder)
        results = [_run("SQLite", home, f"sqlite:///{home}/", ".db", size, options)]
        if shutil.which("pg_config") is None:
            _tell("PostgreSQL is left out: its server binaries (pg_config) are not on this machine")
        else:
            with postgres() as server:
                results.append(_run("PostgreSQL", home, f"postgresql+psycopg://postgres@{server}", "", size, options))
    report = "\n".join(_report(results, size))
    print(report)
    if options.write:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(report + "\n", encoding="utf-8")


def _run(title: str, home: Path, where: str, suffix: str, size: Size, options: argparse.Namespace) -> Result:
    """Fill both products' databases of one kind, and ask."""
    ours, theirs = (f"{where}{name}{suffix}" for name in ("modelyard", "mlflow"))
    token = seed_modelyard.seed(ours, entries(size), _Counted(f"{title}: ours", size))
    seed_mlflow.seed(theirs, entries(size), _Counted(f"{title}: MLflow's", size))
    return _measure(title, home, ours, theirs, token, size, options)


class _Counted:
    """Tells now and then how many versions there are."""

    def __init__(self, title: str, size: Size) -> None:
        self._title = title
        self._whole = size.models * size.versions + size.long_versions
        self._count = 0

    def __call__(self, more: int) -> None:
        before, self._count = self._count, self._count + more
        if before * _STEPS // self._whole != self._count * _STEPS // self._whole:
            _tell(f"{self._title} holds {self._count:,} of {self._whole:,} versions")


def _tell(message: str) -> None:
    console.print(f"{time.monotonic() - _BEGUN:6.0f} s  {message}", soft_wrap=True, highlight=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=2000)
    parser.add_argument("--versions", type=int, default=50)
    parser.add_argument("--long", type=int, default=200_000, help="versions of the one model with a long history")
    parser.add_argument("--samples", type=int, default=400, help="how often each question is asked of each product")
    parser.add_argument(
        "--seconds", type=float, default=10, help="no more than that for a question, from 100 samples on"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} of the documentation")
    return parser.parse_args()


def _measure(
    title: str, home: Path, ours: str, theirs: str, token: str, size: Size, options: argparse.Namespace
) -> Result:
    with _servers(home, ours, theirs, token) as servers:
        timings = {}
        for read in reads(size):
            timings[read.title] = found = time_read(read, servers, samples=options.samples, seconds=options.seconds)
            _tell(f"{title}: {read.title}: " + ", ".join(f"{_times(one)} {when}" for when, one in _phases(found)))
        pages, count, growth = time_pages(servers[0], limit=_PAGE_LIMIT)
        _tell(f"{title}: {count:,} versions page by page")
    return Result(title, timings, pages, count, growth)


def _phases(found: Phases) -> list[tuple[str, dict[str, Timing]]]:
    return list(zip(("first", "again"), found, strict=True))


def _times(found: dict[str, Timing]) -> str:
    """How many times as fast as MLflow, or how fast where MLflow has no such question."""
    ours, theirs = found["modelyard"], found.get("mlflow")
    return f"{ours.median:.2f} ms" if theirs is None else f"{theirs.median / ours.median:.1f} times as fast"


@contextmanager
def _servers(home: Path, ours: str, theirs: str, token: str) -> Iterator[list[Server]]:
    with modelyard(home, database_url=ours, token=token) as first, mlflow(home, backend=theirs) as second:
        await_quiet([first, second])
        yield [first, second]


def _report(results: list[Result], size: Size) -> Iterator[str]:
    yield "# Reads of the registry, beside MLflow's REST server\n"
    yield (
        f"{size.models:,} models of {size.versions} versions, five tags each, and one model of {size.long_versions:,} "
        "versions. Both products hold the same catalogue and are asked over one kept connection each, in turn, in one "
        "run; ours checks a token at every call, MLflow asks for none. `first` is a question that was not asked "
        "before, `again` the same ones once more: ours then answers from memory, after asking the database whether "
        "anything was changed. MLflow does not search models by the tags of their versions. "
        "Milliseconds to the last byte. "
        f"Python {platform.python_version()}, {os.cpu_count()} cores. Made by `python -m benchmarks.registry --write`."
        "\n"
    )
    for result in results:
        yield f"## {result.database}\n"
        yield "| question | | ours, median | ours, p99 | MLflow, median | MLflow, p99 | MLflow / ours |"
        yield "|---|---|---:|---:|---:|---:|---:|"
        for title, both in result.timings.items():
            for when, found in _phases(both):
                yield f"| {title} | {when} | {_row(found['modelyard'], found.get('mlflow'))} |"
        pages = result.pages
        yield (
            f"\n{result.long_versions:,} versions of one model, in {pages.count:,} pages of {_PAGE_LIMIT}: median "
            f"{pages.median:.2f} ms, p99 {pages.p99:.2f} ms a page; "
            "with the answers that it keeps (at most 64 MB), the server's memory grew by "
            f"{result.memory_growth / 2**20:.1f} MiB.\n"
        )


def _row(ours: Timing, theirs: Timing | None) -> str:
    mine = f"{ours.median:.2f} | {ours.p99:.2f}"
    if theirs is None:
        return f"{mine} | – | – | –"
    return f"{mine} | {theirs.median:.2f} | {theirs.p99:.2f} | {theirs.median / ours.median:.1f}"


if __name__ == "__main__":
    main()
