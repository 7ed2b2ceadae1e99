"""One row through the gateway, beside the model server itself, an Envoy that does nothing else, and a proxy in Python.

    python -m benchmarks.gateway [--requests 4000] [--write]

It starts a stack with a home and ports of its own, deploys the breast-cancer example, and asks one row over one kept
connection each, in turns, so that what else the machine does hits all alike. `--write` writes the page of the results.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.gateway.asking import Connection, wait_until_open
from benchmarks.gateway.plain_envoy import plain_envoy
from benchmarks.gateway.ports import free_ports
from rich.console import Console

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "benchmarks" / "gateway.md"
EXAMPLE = REPOSITORY / "examples" / "breast_cancer"
MODEL = "breast-cancer"
OWED = 0.3
"""Milliseconds that the gateway may add to the median of one row."""
SERVER, GATEWAY, ENVOY, PYTHON = "the model server", "the gateway", "an Envoy that only forwards", "a proxy in Python"
_PAGE = """\
# The gateway beside the model server, an Envoy that only forwards, and a proxy in Python

One row of the breast-cancer example by `POST …/predict`, {count} requests to each side over one kept connection, in
turns of ten, in one run, all on one machine over loopback. Milliseconds to the last byte of the answer. The gateway is
that of `modelyard up`: routes by path, keys and limits, retries, health checks, the access log. The proxy in Python is
aiohttp's server with aiohttp's client. Python {python}, {cores} cores.
Made by `python -m benchmarks.gateway --write`.

| one row through | median | p99 | added to the median |
|---|---:|---:|---:|
{rows}

Owed: at most {owed} ms added to the median. Of what the gateway adds, {envoy:.3f} ms are Envoy's own (a second hop over
loopback, HTTP parsed and written once more); {ours:.3f} ms are its filters, its table of routes and its log.
This stack has no subscription and no limit, so the filters of keys and limits are left out; with the first one they
come in, and cost about 0.1 ms more.
"""
console = Console(stderr=True)


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4000, help="to each side")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/gateway.md")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modelyard-gateway-")))
        port, gateway_port = stack.enter_context(deployed(folder))
        envoy_port, python_port = free_ports(2)
        stack.enter_context(program(plain_envoy(folder, envoy_port, port)))
        proxy = str(Path(__file__).with_name("python_proxy.py"))
        stack.enter_context(program([sys.executable, proxy, str(python_port), str(port)]))
        sides = {
            SERVER: (port, "/predict"),
            GATEWAY: (gateway_port, f"/{MODEL}/predict"),
            ENVOY: (envoy_port, "/predict"),
            PYTHON: (python_port, "/predict"),
        }
        for each in (envoy_port, python_port):
            wait_until_open(each)
        times = measure(sides, row(), count=options.requests)
    page = describe(times, options.requests)
    console.print(page)
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
    added = statistics.median(times[GATEWAY]) - statistics.median(times[SERVER])
    if added > OWED:
        sys.exit(f"the gateway adds {added:.3f} ms to the median; owed are at most {OWED} ms")


def row() -> bytes:
    """One row, as the example's request has it."""
    request = json.loads((EXAMPLE / "request.json").read_text(encoding="utf-8"))
    columns = {name: values[:1] for name, values in request["inputs"].items()}
    return json.dumps({"inputs": columns}).encode()


def measure(sides: Mapping[str, tuple[int, str]], body: bytes, *, count: int) -> Mapping[str, Sequence[float]]:
    """Milliseconds of each request, by side. A side is asked ten times, then the next one is."""
    connections = {side: Connection(port, path, body) for side, (port, path) in sides.items()}
    for connection in connections.values():
        for _ in range(200):
            connection.ask()
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(count // 10):
        for side, connection in connections.items():
            times[side] += [connection.ask() for _ in range(10)]
    return times


def describe(times: Mapping[str, Sequence[float]], count: int) -> str:
    """The page."""
    medians = {side: statistics.median(found) for side, found in times.items()}
    rows = [
        f"| {side} | {medians[side]:.3f} | {percentile(found, 99):.3f} | "
        f"{'–' if side == SERVER else f'{medians[side] - medians[SERVER]:.3f}'} |"
        for side, found in times.items()
    ]
    return _PAGE.format(
        count=count,
        python=platform.python_version(),
        cores=os.cpu_count(),
        rows="\n".join(rows),
        owed=OWED,
        envoy=medians[ENVOY] - medians[SERVER],
        ours=medians[GATEWAY] - medians[ENVOY],
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Of the values."""
    return statistics.quantiles(values, n=100)[percent - 1]


@contextmanager
def deployed(folder: Path) -> Iterator[tuple[int, int]]:
    """The ports of a model server and of the gateway of a stack in this folder."""
    port, mlflow_port, gateway_port = free_ports(3)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "MLFLOW_"))}
    environment = {**kept, "MODELYARD_HOME": str(folder / "home")}

    def run(*words: str) -> str:
        command = [str(Path(sys.executable).with_name("modelyard")), *words]
        return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    ports = {"--port": port, "--mlflow-port": mlflow_port, "--gateway-port": gateway_port}
    try:
        run("up", "--detach", *(word for flag, number in ports.items() for word in (flag, str(number))))
        needs = [word for need in ("pandas>=2", "scikit-learn>=1.5") for word in ("-r", need)]
        said = run("deploy", str(EXAMPLE / "train.py"), "--model", MODEL, *needs, "--output", "json")
        url = json.loads(said)["deployment_url"]
        time.sleep(3)  # Until the gateway leads there.
        yield int(url.rpartition(":")[2]), gateway_port
    finally:
        run("down")
        shutil.rmtree(folder / "home", ignore_errors=True)


@contextmanager
def program(command: Sequence[str]) -> Iterator[None]:
    """A program that runs during the block."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
