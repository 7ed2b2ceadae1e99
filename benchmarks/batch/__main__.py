"""Batch prediction of the breast-cancer example beside the model in its own process, everything on one core.

    python -m benchmarks.batch [--rows 4000000] [--rounds 3] [--write]

Client and server together have the one core that the model alone has. The rates are rows for each second of processor
time that all processes of a side took: what else the machine does counts for neither. `--write` writes the page.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from rich.console import Console

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "benchmarks" / "batch.md"
OWED_RATE = 200_000
OWED_SHARE = 0.7
_PAGE = """\
# Batch prediction beside the model in its own process

{rows:,} rows of the breast-cancer example (30 FP64 columns and a key) from a Parquet file into a Parquet file, on one
core: client and model server together, and beside them the scikit-learn pipeline itself, which reads, predicts and
writes in one process. Rows for each second of processor time that all processes of a side took; the median of {rounds}
rounds in turns. Python {python}, {cores} cores. Made by `python -m benchmarks.batch --write`.

| | rows/s | of the model's own |
|---|---:|---:|
| `modelyard predict … --output`, client and server together | {asked:,.0f} | {share:.0%} |
| the pipeline in its own process: read, predict, write | {own:,.0f} | 100 % |
| `mlflow.pyfunc` in its own process: read, predict, write | {pyfunc:,.0f} | {pyfunc_share:.0%} |
| the pipeline's `predict` alone | {predicting:,.0f} | |

The model's own speed is that of a script as one would write it by hand: the same file read by pyarrow, in the chunks
that suit the pipeline best, and the same rows written as Parquet with the same settings. Requests carry binary tensors:
columns have the same bytes in them as in Arrow IPC, and the answer is binary, where `/predict` answers Arrow with JSON.

Owed: {owed_rate:,} rows/s, and {owed_share:.0%} of the model's own speed in its process. The client's peak memory was
{peak:,.0f} MiB.
"""
console = Console(stderr=True)
Figures = Mapping[str, float]


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(REPOSITORY)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelyard-batch-") as place:
        folder = Path(place)
        _run("train", folder, str(options.rows))
        with _server(folder) as (url, server):
            rounds = [_round(folder, url, server) for _ in range(options.rounds)]
        page = _page(rounds, rows=options.rows)
    console.print(page, markup=False)
    if options.write:
        PAGE.write_text(page)


def _round(folder: Path, url: str, server: psutil.Process) -> tuple[Figures, Figures]:
    """The model alone, then over the server, whose processor time counts too."""
    own = json.loads(_run("own", folder, "sklearn"))
    own["pyfunc_seconds"] = json.loads(_run("own", folder, "pyfunc"))["seconds"]
    before = _processor_seconds(server)
    asked = json.loads(_run("asked", url, str(folder)))
    asked["seconds"] += _processor_seconds(server) - before
    return own, asked


def _page(rounds: list[tuple[Figures, Figures]], *, rows: int) -> str:
    own, asked, predicting, pyfunc = (
        statistics.median(rows / seconds for seconds in each)
        for each in (
            [own["seconds"] for own, _ in rounds],
            [asked["seconds"] for _, asked in rounds],
            [own["predicting"] for own, _ in rounds],
            [own["pyfunc_seconds"] for own, _ in rounds],
        )
    )
    return _PAGE.format(
        rows=rows,
        rounds=len(rounds),
        python=platform.python_version(),
        cores=os.cpu_count(),
        asked=asked,
        own=own,
        predicting=predicting,
        share=asked / own,
        pyfunc=pyfunc,
        pyfunc_share=pyfunc / own,
        owed_rate=OWED_RATE,
        owed_share=OWED_SHARE,
        peak=max(asked["peak_mib"] for _, asked in rounds),
    )


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A model server of one worker, on the first core."""
    status = folder / "status.json"
    command = ["-m", "modelyard_serving", str(folder / "compiled"), "--port", "0", "--version", "1"]
    command += ["--status-file", str(status)]
    process = subprocess.Popen([*_PINNED, sys.executable, *command], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not (status.exists() and json.loads(status.read_text())["state"] == "ready"):
            if time.monotonic() > until or process.poll() is not None:
                raise SystemExit("the model server did not start")
            time.sleep(0.05)
        yield f"http://{json.loads(status.read_text())['address']}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _processor_seconds(process: psutil.Process) -> float:
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _run(module: str, *arguments: str | Path) -> str:
    command = [*_PINNED, sys.executable, "-m", f"benchmarks.batch.{module}", *arguments]
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
    done = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | limits, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


_PINNED = ("taskset", "-c", "0")

if __name__ == "__main__":
    main()
