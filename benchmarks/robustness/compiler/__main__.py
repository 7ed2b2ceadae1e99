"""Fuzzing of verified compilation: random pipelines over random data, each compiled and compared with its original.

    python -m benchmarks.robustness.compiler --pipelines 1000 --seed 1
    python -m benchmarks.robustness.compiler --seed 1 --only 417          one of them again

Each accepted translation is asked 200 rows far outside of the training range. A row to which it says something else
than its original is written down, and the exit code is 1. The same seed makes the same pipelines and rows.
"""

import argparse
import json
import os
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.robustness.compiler.booster_cases import booster_case
from benchmarks.robustness.compiler.case import Case
from benchmarks.robustness.compiler.distant import distant_rows
from benchmarks.robustness.compiler.judge import differences
from benchmarks.robustness.compiler.sklearn_cases import array_case, frame_case, text_case

from modelyard_serving.compile.compiler import Compilation, compile_model
from modelyard_serving.compile.rows import select_rows
from modelyard_serving.compile.speed import Speed
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.compiled import CompiledModel
from modelyard_serving.runtimes.onnx import open_session

ROWS = 200
EXAMPLES = (1, 5, 30)
_FAMILIES = (array_case, array_case, array_case, frame_case, frame_case, text_case, booster_case)


@dataclass
class Tally:
    """What the pipelines came to, by family."""

    made: Counter[str] = field(default_factory=Counter)
    compiled: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    crashed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, Any]] = field(default_factory=list)


def always_faster(*_: Model | Tensors) -> list[Speed]:
    """Whether a graph is faster is no question here: every translation that agrees is accepted."""
    return [Speed(rows=1, original_s=1e-3, compiled_s=1e-4)]


def made(seed: int, number: int) -> tuple[Case, np.random.Generator] | None:
    """The pipeline of this number; None where scikit-learn itself cannot train it."""
    random = np.random.default_rng([seed, number])
    try:
        return _FAMILIES[int(random.integers(len(_FAMILIES)))](random), random
    except (ValueError, TypeError, np.linalg.LinAlgError):
        return None


def try_one(seed: int, number: int, tally: Tally, *, is_verbose: bool = False) -> bool:
    """Whether there was a pipeline of this number."""
    found = made(seed, number)
    if found is None:
        return False
    case, random = found
    rows = len(next(iter(case.rows.values())))
    example = select_rows(case.rows, random.integers(0, rows, int(random.choice(EXAMPLES))))
    tally.made[case.family] += 1
    begun = time.perf_counter()
    try:
        compilation = compile_model(case.model, example, measure=always_faster)
    except Exception as error:  # noqa: BLE001  # A trial ends with a report, whatever the model.
        tally.crashed[case.family] += 1
        tally.findings.append(_finding(seed, number, case, [f"no report: {type(error).__name__}: {error}"]))
        return True
    if is_verbose:
        print(f"{case.kind}\n{time.perf_counter() - begun:.1f} s: {compilation.report.reasons}")
        print(compilation.report.summary)
    if not compilation.report.accepted:
        tally.reasons[compilation.report.reasons[-1].partition(" by ")[0][:90]] += 1
        return True
    tally.compiled[case.family] += 1
    tally.rows[case.family] += ROWS
    different = differences(
        case.model, _opened(compilation), distant_rows(random, case.rows, case.model.signature, ROWS)
    )
    if different:
        tally.different[case.family] += 1
        tally.findings.append(_finding(seed, number, case, different))
    return True


def _opened(compilation: Compilation) -> Model:
    if compilation.graph is None or compilation.description is None:
        raise AssertionError("an accepted compilation has a graph")
    return CompiledModel(open_session(compilation.graph), compilation.description)


def _finding(seed: int, number: int, case: Case, different: list[str]) -> dict[str, Any]:
    return {"seed": seed, "number": number, "kind": case.kind, "rows": len(different), "first": different[:3]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipelines", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, action="append", help="the numbers of pipelines to try, with their reports")
    parser.add_argument("--keep", type=Path, help="write each finding to this file, a line of JSON each")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    tally, number, begun = Tally(), 0, time.perf_counter()
    if options.only:
        for number in options.only:
            try_one(options.seed, number, tally, is_verbose=True)
    else:
        while tally.made.total() < options.pipelines:
            before = len(tally.findings)
            try_one(options.seed, number, tally)
            number += 1
            for finding in tally.findings[before:]:
                _keep(finding, options.keep)
            if number % 50 == 0:
                _progress(tally, time.perf_counter() - begun)
    return _reported(tally, time.perf_counter() - begun, is_whole=not options.only)


def _keep(finding: dict[str, Any], path: Path | None) -> None:
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(finding, ensure_ascii=False) + "\n")


def _progress(tally: Tally, seconds: float) -> None:
    compiled, different = tally.compiled.total(), tally.different.total()
    sys.stderr.write(f"{tally.made.total()} pipelines, {compiled} compiled, {different} differ, {seconds:.0f} s\n")


def _reported(tally: Tally, seconds: float, *, is_whole: bool) -> int:
    for finding in tally.findings:
        print(f"seed {finding['seed']}, number {finding['number']}: {finding['kind'][:400]}")
        for line in finding["first"]:
            print(f"    {line[:400]}")
    if is_whole:
        print("| family | pipelines | compiled | rows | pipelines that differ | trials without a report |")
        print("|---|---|---|---|---|---|")
        for family in [*sorted(tally.made), None]:
            counts = [tally.made, tally.compiled, tally.rows, tally.different, tally.crashed]
            reported = [count.total() if family is None else count[family] for count in counts]
            print(f"| {family or 'all'} | " + " | ".join(f"{value:,}" for value in reported) + " |")
        print(f"{seconds:.0f} s on {os.cpu_count()} processors; not compiled:")
        for reason, count in tally.reasons.most_common(25):
            print(f"    {count:4} {reason}")
    return 1 if tally.findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
