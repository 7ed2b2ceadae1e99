"""One run: for each model, every server is started once and then stopped in its tracks; the rounds wake one after the
other, in an order that is drawn anew for each workload of each round."""

import contextlib
import os
import platform
import random
import socket
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.serving.asking import check
from benchmarks.serving.cases import NETWORK, Case, case
from benchmarks.serving.environments import torch_library
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.peers.peer import Peer, Place
from benchmarks.serving.results import Failure, Run, Slice, Started, Writer
from benchmarks.serving.server import Server, scratch
from benchmarks.serving.workloads import Workload

from benchmarks.serving import load


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    peers: Sequence[Peer]
    models: Sequence[str]
    workloads: Sequence[Workload]
    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cores:
    """Where server and load run; None where the machine has but one core, and both share it."""

    server: int | None
    client: int | None

    @classmethod
    def here(cls) -> "Cores":
        """The first core that we may use for the server, the last one for the load, and for ourselves."""
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            return cls(None, None)
        os.sched_setaffinity(0, {allowed[-1]})
        return cls(allowed[0], allowed[-1])


def prepare(plan: Plan) -> list[Case]:
    """Environments and models, built where they are not there."""
    load.tool()
    for peer in plan.peers:
        peer.environment.build()
    if NETWORK in plan.models:
        library = torch_library()
        for peer in plan.peers:
            peer.environment.lend(library)
    return [case(model) for model in plan.models]


def run(plan: Plan, cases: Sequence[Case], writer: Writer) -> None:
    """Measure, and write each result as it comes."""
    writer.write(_circumstances(plan))
    cores = Cores.here()
    for model in cases:
        with _servers(plan.peers, model, writer, cores) as servers:
            _Rounds(plan, servers, writer, cores).run()


@contextlib.contextmanager
def _servers(peers: Sequence[Peer], model: Case, writer: Writer, cores: Cores) -> Iterator[list[Server]]:
    """The servers of one model, started one after the other, and frozen."""
    servers: list[Server] = []
    with tempfile.TemporaryDirectory(prefix="mybench-") as folder:
        try:
            for peer in peers:
                if peer.serves(model):
                    server = _start(peer, model, Path(folder), writer, cores)
                    servers += [] if server is None else [server]
            yield servers
        finally:
            for server in servers:
                server.stop()


def _start(peer: Peer, model: Case, folder: Path, writer: Writer, cores: Cores) -> Server | None:
    http_port, grpc_port = _free_ports()
    server = Server(peer, Place(model, scratch(folder, peer.name), http_port, grpc_port), core=cores.server)
    try:
        seconds = server.wait()
    except BenchmarkError as error:
        print(f"  {peer.title}: {error}", flush=True)
        writer.write(Failure(server=peer.name, model=model.model, workload=None, reason=str(error)))
        server.stop()
        return None
    server.freeze()
    print(f"  {model.model}: {peer.title} answers after {seconds:.2f} s", flush=True)
    writer.write(Started(server=peer.name, model=model.model, seconds=seconds))
    return server


class _Rounds:
    """All rounds of one model."""

    def __init__(self, plan: Plan, servers: Sequence[Server], writer: Writer, cores: Cores) -> None:
        self._plan = plan
        self._servers = servers
        self._writer = writer
        self._cores = cores
        self._failed: set[tuple[str, str]] = set()

    def run(self) -> None:
        """One after the other."""
        for number in range(1, self._plan.rounds + 1):
            for workload in self._plan.workloads:
                for server in random.sample(self._servers, len(self._servers)):
                    self._measure(number, workload, server)
            print(f"  round {number} of {self._plan.rounds} is done", flush=True)

    def _measure(self, number: int, workload: Workload, server: Server) -> None:
        request = server.peer.dialect.request(server.case, workload.form, workload.rows)
        if request is None or (server.peer.name, workload.name) in self._failed:
            return
        try:
            with server.awake():
                size = check(server.place, workload.form, request, case=server.case, rows=workload.rows)
                before = server.cpu_s()
                measured = load.run(
                    server.place,
                    workload,
                    request,
                    answer_bytes=size,
                    seconds=self._plan.seconds,
                    core=self._cores.client,
                )
                used, memory = server.cpu_s() - before, server.memory()
        except BenchmarkError as error:
            print(f"  {server.peer.title}, {workload.title}: {error}", flush=True)
            self._failed.add((server.peer.name, workload.name))
            failure = Failure(
                server=server.peer.name, model=server.case.model, workload=workload.name, reason=str(error)
            )
            self._writer.write(failure)
            return
        self._writer.write(
            Slice(
                round=number,
                server=server.peer.name,
                model=server.case.model,
                workload=workload.name,
                requests=measured.requests,
                errors=measured.errors,
                per_second=measured.per_second,
                p50_us=measured.p50,
                p99_us=measured.p99,
                cpu_us=used / measured.handled * 1e6 if measured.handled else None,
                client_share=measured.client_share,
                memory_mb=memory.total,
                largest_mb=memory.largest,
            )
        )


def _circumstances(plan: Plan) -> Run:
    cores = os.sched_getaffinity(0)
    return Run(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=f"{platform.system()} {platform.machine()}",
        cores=len(cores),
        pinned=len(cores) > 1,
        python=platform.python_version(),
        seconds=plan.seconds,
        rounds=plan.rounds,
        load_before=os.getloadavg()[0],
    )


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
