"""The servers of one model: each is started once and stopped in its tracks; one that is lost is started anew, once for
what was asked of it. It measures nothing."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.cases import Case
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.peers.peer import Peer, Place
from benchmarks.serving.ports import Ports
from benchmarks.serving.results import Failure, Repeated, Started, Writer
from benchmarks.serving.server import Server, scratch

_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Harbour:
    """What all servers of a run share: folders, ports, a core, and where results go."""

    folder: Path
    ports: Ports
    writer: Writer
    core: int | None


class Fleet:
    """The servers that answered, by their peers' names."""

    def __init__(self, model: Case, harbour: Harbour) -> None:
        self.model = model
        self._harbour = harbour
        self._servers: dict[str, Server] = {}
        self._started = 0

    @property
    def names(self) -> Sequence[str]:
        """Those that answered."""
        return list(self._servers)

    def __getitem__(self, name: str) -> Server:
        return self._servers[name]

    def start(self, peer: Peer) -> None:
        """Start one, a second time if it does not answer; what fails twice is written and left out."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                server, seconds = self._launch(peer)
            except BenchmarkError as error:
                print(f"  {peer.title}: {error}", flush=True)
                self._failed(peer, str(error), is_last=attempt == _ATTEMPTS)
                continue
            print(f"  {self.model.model}: {peer.title} answers after {seconds:.2f} s", flush=True)
            self._harbour.writer.write(Started(server=peer.name, model=self.model.model, seconds=seconds))
            self._servers[peer.name] = server
            return

    def start_again(self, name: str) -> None:
        """Put a new process in the place of one that was lost. Its time to start is not counted: others are awake.

        Raises:
            BenchmarkError: it does not answer.
        """
        self._servers[name].stop()
        self._servers[name], _ = self._launch(self._servers[name].peer)

    def stop(self) -> None:
        """End all."""
        for server in self._servers.values():
            server.stop()

    def _launch(self, peer: Peer) -> tuple[Server, float]:
        self._started += 1
        ports = self._harbour.ports
        place = Place(
            case=self.model,
            scratch=scratch(self._harbour.folder, f"{self._started}-{peer.name}"),
            http_port=ports.free(),
            grpc_port=ports.free(),
            metrics_port=ports.free(),
        )
        server = Server(peer, place, core=self._harbour.core)
        try:
            seconds = server.wait()
        except BenchmarkError:
            server.stop()
            raise
        server.freeze()
        return server, seconds

    def _failed(self, peer: Peer, reason: str, *, is_last: bool) -> None:
        kind = Failure if is_last else Repeated
        self._harbour.writer.write(kind(server=peer.name, model=self.model.model, workload=None, reason=reason))


@contextlib.contextmanager
def fleet(model: Case, peers: Sequence[Peer], *, writer: Writer, core: int | None) -> Iterator[Fleet]:
    """All peers that can serve a model, one started after the other; all are ended at the end."""
    with tempfile.TemporaryDirectory(prefix="mybench-") as folder:
        started = Fleet(model, Harbour(Path(folder), Ports(), writer, core))
        try:
            for peer in peers:
                if peer.serves(model):
                    started.start(peer)
            yield started
        finally:
            started.stop()
