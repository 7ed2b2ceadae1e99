"""One run: for each model, every server is started once and then stopped in its tracks; the rounds wake one after the
other, in an order that is drawn anew for each workload of each round."""

import os
import platform
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.serving.asking import check
from benchmarks.serving.cases import NETWORK, Case, case
from benchmarks.serving.environments import torch_library
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.fleet import Fleet, fleet
from benchmarks.serving.peers.peer import Peer
from benchmarks.serving.results import Failure, Repeated, Run, Slice, Writer
from benchmarks.serving.server import Server
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
        with fleet(model, plan.peers, writer=writer, core=cores.server) as servers:
            _Rounds(plan, servers, writer, cores).run()


class _Rounds:
    """All rounds of one model."""

    def __init__(self, plan: Plan, servers: Fleet, writer: Writer, cores: Cores) -> None:
        self._plan = plan
        self._servers = servers
        self._writer = writer
        self._cores = cores
        self._failed: set[tuple[str, str]] = set()

    def run(self) -> None:
        """One after the other."""
        for number in range(1, self._plan.rounds + 1):
            for workload in self._plan.workloads:
                for name in random.sample(self._servers.names, len(self._servers.names)):
                    self._measure(number, workload, name)
            print(f"  round {number} of {self._plan.rounds} is done", flush=True)

    def _measure(self, number: int, workload: Workload, name: str) -> None:
        """One slice; if it cannot be had, one more of the same server, started anew."""
        if (name, workload.name) in self._failed:
            return
        try:
            try:
                measured = self._slice(number, workload, self._servers[name])
            except BenchmarkError as error:
                self._tell(Repeated, workload, name, error)
                self._servers.start_again(name)
                measured = self._slice(number, workload, self._servers[name])
        except BenchmarkError as error:
            self._failed.add((name, workload.name))
            self._tell(Failure, workload, name, error)
            return
        if measured is not None:
            self._writer.write(measured)

    def _slice(self, number: int, workload: Workload, server: Server) -> Slice | None:
        """None where the server does not speak the workload's form.

        Raises:
            BenchmarkError: there was no right answer.
        """
        request = server.peer.dialect.request(server.case, workload.form, workload.rows)
        if request is None:
            return None
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
        return Slice(
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

    def _tell(self, kind: type[Failure | Repeated], workload: Workload, name: str, error: BenchmarkError) -> None:
        server = self._servers[name]
        print(f"  {server.peer.title}, {workload.title}: {error}", flush=True)
        self._writer.write(
            kind(server=name, model=server.case.model, workload=workload.name, reason=f"{error}{server.ending()}")
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
