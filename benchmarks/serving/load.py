"""The load: `h2load` (Debian: nghttp2-client), one program in C for HTTP/1.1 and gRPC alike, in a process of its own on
the other core. What is not a 200 is counted as an error, and so is a gRPC call that brought no message: its status is a
200 in any case."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.serving.dialects import Request
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.peers.peer import Place
from benchmarks.serving.server import client_cpu_s
from benchmarks.serving.workloads import Form, Workload

WARM_UP_S = 0.3
_FAILED = re.compile(r"(\d+) failed, (\d+) errored, (\d+) timeout")
_TRAFFIC = re.compile(r"\((\d+)\) data")
_GRPC_HEADERS = {"content-type": "application/grpc", "te": "trailers"}
_PREFIX_BYTES = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """What one slice of load gave. Latencies are in microseconds."""

    requests: int
    """Answered with a 200 after the warm-up."""
    handled: int
    """All that were answered, those of the warm-up too."""
    errors: int
    per_second: float
    p50: float | None
    p99: float | None
    client_share: float
    """How much of its core the load generator used: near 1 it is the bottleneck."""


def tool() -> str:
    """The load generator.

    Raises:
        BenchmarkError: it is not installed.
    """
    found = shutil.which("h2load")
    if found is None:
        raise BenchmarkError("h2load is missing: install it, on Debian by `apt-get install nghttp2-client`")
    return found


def run(
    place: Place, workload: Workload, request: Request, *, answer_bytes: int, seconds: float, core: int | None
) -> Measured:
    """Load a server for some seconds, after a short warm-up that is not counted. A right answer has `answer_bytes`."""
    log, body = place.scratch / "h2load.tsv", place.scratch / "request"
    body.write_bytes(_framed(request.body) if workload.form is Form.GRPC else request.body)
    log.unlink(missing_ok=True)
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    before = client_cpu_s()
    options = [*_options(workload, request, seconds=seconds), "-d", str(body), f"--log-file={log}"]
    done = subprocess.run(
        [*pinned, tool(), *options, _url(place, workload, request)],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 120,
    )
    if done.returncode or not log.exists():
        raise BenchmarkError(f"h2load failed: {(done.stdout + done.stderr)[-500:]}")
    used = client_cpu_s() - before
    size = answer_bytes + _PREFIX_BYTES if workload.form is Form.GRPC else None
    return read(done.stdout, log, message_bytes=size, seconds=seconds, client_share=used / (seconds + WARM_UP_S))


def read(reported: str, log: Path, *, message_bytes: int | None, seconds: float, client_share: float) -> Measured:
    """What h2load tells, and its log of requests: start, status, microseconds.

    Args:
        message_bytes: the size of every right answer, where the status alone does not tell a right one.
    """
    failed, traffic = _FAILED.search(reported), _TRAFFIC.search(reported)
    if failed is None or traffic is None:
        raise BenchmarkError(f"h2load says what is not understood here: {reported[-500:]}")
    lines = log.read_bytes().split()
    starts, statuses, latencies = (np.array(lines[column::3], dtype=np.int64) for column in range(3))
    is_counted = starts >= (starts.min() if starts.size else 0) + WARM_UP_S * 1e6
    answered = latencies[is_counted & (statuses == 200)]
    without_message = 0
    if message_bytes is not None:
        without_message = max(0, statuses.size - round(int(traffic[1]) / message_bytes))
    p50, p99 = np.percentile(answered, (50, 99)).tolist() if answered.size else (None, None)
    return Measured(
        requests=int(answered.size),
        handled=int(statuses.size),
        errors=int((statuses != 200).sum()) + int(failed[2]) + int(failed[3]) + without_message,
        per_second=answered.size / seconds,
        p50=p50,
        p99=p99,
        client_share=client_share,
    )


def _options(workload: Workload, request: Request, *, seconds: float) -> Sequence[str]:
    headers = _GRPC_HEADERS if workload.form is Form.GRPC else request.headers
    return [
        *([] if workload.form is Form.GRPC else ["--h1"]),
        *("-t", "1", "-m", "1", "-c", str(workload.connections)),
        *("-D", f"{round((seconds + WARM_UP_S) * 1000)}ms"),
        *(part for name, value in headers.items() for part in ("-H", f"{name}: {value}")),
    ]


def _url(place: Place, workload: Workload, request: Request) -> str:
    port = place.grpc_port if workload.form is Form.GRPC else place.http_port
    return f"http://127.0.0.1:{port}{request.path}"


def _framed(message: bytes) -> bytes:
    """gRPC's prefix: not compressed, and the length."""
    return b"\x00" + len(message).to_bytes(_PREFIX_BYTES - 1, "big") + message
