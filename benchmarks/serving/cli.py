"""The command line of the benchmark: `run` measures, `report` writes the page; without a word it does both, quickly."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving.cases import MODELS
from benchmarks.serving.environments import cache_folder
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.peers.registry import PEERS, peer
from benchmarks.serving.workloads import QUICK, WHOLE, Workload

from benchmarks.serving import benchmark, results

_QUICK_MODELS = ("logistic", "forest")
_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks" / "serving.md"
_EPILOG = """examples:
  make bench                                                        the main comparison, and its page
  python -m benchmarks.run --whole                                  all models and workloads
  python -m benchmarks.run --servers modelyard,mlserver --models logistic --workloads json-1-16,grpc-1-16
  python -m benchmarks.run --report-only --results one.jsonl --results other.jsonl
"""


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 when all was measured, 1 when something could not be, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # The servers that were started are ended in any case.
    try:
        files = [Path(file) for file in options.results] or [cache_folder() / "results" / "serving.jsonl"]
        if not options.report_only:
            _measure(_plan(options), files[0], prepare_only=options.prepare_only)
        if options.prepare_only:
            return 0
        lines = list(results.read(files))
        from benchmarks.serving.page import write_page  # noqa: PLC0415  # It draws: measuring must not wait for it.

        write_page(lines, Path(options.output))
        print(f"the page is {options.output}")
        return int(any(isinstance(line, results.Failure) for line in lines))
    except BenchmarkError as error:
        print(error)
        return 2


def _measure(plan: benchmark.Plan, file: Path, *, prepare_only: bool) -> None:
    cases = benchmark.prepare(plan)
    if prepare_only:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as opened:
        benchmark.run(plan, cases, results.Writer(opened))
    print(f"the results are in {file}")


def _plan(options: argparse.Namespace) -> benchmark.Plan:
    models = options.models or (MODELS if options.whole else _QUICK_MODELS)
    unknown = [model for model in models if model not in MODELS]
    if unknown:
        raise BenchmarkError(f"there is no model {unknown[0]!r}: expected one of {', '.join(MODELS)}")
    workloads = [Workload.parse(name) for name in options.workloads] if options.workloads else None
    return benchmark.Plan(
        peers=[peer(name) for name in options.servers or PEERS],
        models=models,
        workloads=workloads or (WHOLE if options.whole else QUICK),
        rounds=options.rounds,
        seconds=options.seconds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Our model server and its peers on the same models and requests, interleaved.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--servers", type=_names, help=f"some of {', '.join(PEERS)}")
    parser.add_argument("--models", type=_names, help=f"some of {', '.join(MODELS)}")
    parser.add_argument(
        "--workloads", type=_names, help="form-rows-connections, e.g. json-1-16,binary-1000-64,grpc-1-1"
    )
    parser.add_argument("--whole", action="store_true", help="all models and workloads instead of the main comparison")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="the length of one slice (2)")
    parser.add_argument("--results", action="append", default=[], help="the file of results; several for a report")
    parser.add_argument("--output", default=str(_PAGE), help="the page that is written; its pictures lie beside it")
    parser.add_argument("--report-only", action="store_true", help="write the page of results that are there")
    parser.add_argument("--prepare-only", action="store_true", help="build environments and train models, no more")
    return parser


def _names(reported: str) -> list[str]:
    return [name.strip() for name in reported.split(",")]
