"""Reads of the registry beside MLflow's REST server: the same catalogue, the same questions, one run.

    python -m benchmarks.registry [--models 2000] [--versions 50] [--long 200000] [--samples 400]

Writes docs/benchmarks/registry.md with `--write`.
"""

import argparse
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.registry import seed_mlflow, seed_modelyard
from benchmarks.registry.catalogue import Size, entries
from benchmarks.registry.measure import Timing, time_pages, time_read
from benchmarks.registry.postgres import postgres
from benchmarks.registry.reads import reads
from benchmarks.registry.servers import Server, await_quiet, mlflow, modelyard
from rich.console import Console

from modelyard.db import Database

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks" / "registry.md"
_PAGE_LIMIT = 200
console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Result:
    """What one database gave."""

    database: str
    timings: dict[str, tuple[dict[str, Timing], dict[str, Timing]]]
    """By question: when it is asked for the first time, and when it is asked again."""
    pages: Timing
    long_versions: int
    memory_growth: int


def main() -> None:
    """Fill, ask, tell."""
    options = _options()
    size = Size(models=options.models, versions=options.versions, long_versions=options.long)
    with tempfile.TemporaryDirectory(prefix="modelyard-bench-") as folder, ExitStack() as stack:
        home = Path(folder)
        console.print(
            f"filling both with {size.models} models of {size.versions} versions, and one of {size.long_versions}"
        )
        ours, theirs = f"sqlite:///{home}/modelyard.db", f"sqlite:///{home}/mlflow.db"
        token = seed_modelyard.seed(Database(ours), entries(size))
        seed_mlflow.seed(theirs, entries(size))
        results = [_measure("SQLite", home, ours, theirs, token, size, options.samples)]
        if shutil.which("pg_config") is None:
            console.print("PostgreSQL is left out: its server binaries (pg_config) are not on this machine")
        else:
            server = stack.enter_context(postgres())
            ours_there, theirs_there = (
                f"postgresql+psycopg://postgres@{server}{name}" for name in ("modelyard", "mlflow")
            )
            console.print("the same on PostgreSQL")
            seed_modelyard.copy(Database(ours), Database(ours_there))
            seed_mlflow.seed(theirs_there, entries(size))
            results.append(_measure("PostgreSQL", home, ours_there, theirs_there, token, size, options.samples))
    report = "\n".join(_report(results, size))
    print(report)
    if options.write:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(report + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=2000)
    parser.add_argument("--versions", type=int, default=50)
    parser.add_argument("--long", type=int, default=200_000, help="versions of the one model with a long history")
    parser.add_argument("--samples", type=int, default=400, help="how often each question is asked of each product")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} of the documentation")
    return parser.parse_args()


def _measure(title: str, home: Path, ours: str, theirs: str, token: str, size: Size, samples: int) -> Result:
    with _servers(home, ours, theirs, token) as servers:
        timings = {}
        for read in reads(size):
            timings[read.title] = found = time_read(read, servers, samples=samples)
            first, again = (one["mlflow"].median / one["modelyard"].median for one in found)
            console.print(f"{title}: {read.title}: {first:.1f} times as fast at first, {again:.1f} times again")
        pages, count, growth = time_pages(servers[0], limit=_PAGE_LIMIT)
    return Result(title, timings, pages, count, growth)


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
        "anything was changed. Milliseconds to the last byte. "
        f"Python {platform.python_version()}, {os.cpu_count()} cores. Made by `python -m benchmarks.registry --write`."
        "\n"
    )
    for result in results:
        yield f"## {result.database}\n"
        yield "| question | | ours, median | ours, p99 | MLflow, median | MLflow, p99 | MLflow / ours |"
        yield "|---|---|---:|---:|---:|---:|---:|"
        for title, both in result.timings.items():
            for when, found in zip(("first", "again"), both, strict=True):
                yield f"| {title} | {when} | {_row(found['modelyard'], found['mlflow'])} |"
        pages = result.pages
        yield (
            f"\n{result.long_versions:,} versions of one model, in {pages.count:,} pages of {_PAGE_LIMIT}: median "
            f"{pages.median:.2f} ms, p99 {pages.p99:.2f} ms a page; the server's memory grew by "
            f"{result.memory_growth / 2**20:.1f} MiB.\n"
        )


def _row(ours: Timing, theirs: Timing) -> str:
    figures = (ours.median, ours.p99, theirs.median, theirs.p99)
    return " | ".join([*(f"{figure:.2f}" for figure in figures), f"{theirs.median / ours.median:.1f}"])


if __name__ == "__main__":
    main()
