"""The balancer, on a real Envoy under a real supervisord."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from balanced_replicas import Load, Replica
from ports import find_free_port

import grpc
from modelyard.adapters.balancer import Balancer, Endpoint
from modelyard.atomic_file import replace_text
from modelyard.envoy.binary import envoy_binary
from modelyard.errors import Unavailable
from modelyard.home import Home
from modelyard.supervision.programs import BALANCER
from modelyard.supervision.supervisor import Supervisor

Until = Callable[..., None]
HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One whose path is too long for a unix socket."""
    return Home(tmp_path_factory.mktemp("balancer") / ("long-" * 20))


@pytest.fixture(scope="module")
def supervisor(home: Home) -> Iterator[Supervisor]:
    supervisor = Supervisor(home)
    yield supervisor
    supervisor.shut_down(timeout_seconds=10)


@pytest.fixture(scope="module")
def balancer(home: Home, supervisor: Supervisor) -> Balancer:
    return Balancer(home, supervisor)


@pytest.fixture
def replicas() -> Iterator[tuple[Replica, Replica]]:
    made = (Replica(), Replica())
    yield made
    for replica in made:
        with suppress(OSError):
            replica.end()


@pytest.fixture
def port(balancer: Balancer) -> Iterator[int]:
    """Of the address `d-1`, which is removed after the test."""
    yield find_free_port()
    balancer.remove("d-1")


def endpoint(replica: Replica) -> Endpoint:
    return Endpoint(HOST, replica.server_port)


def answer(port: int, path: str = "/") -> str | int:
    """The body, or the status of what is no success."""
    try:
        got = httpx.get(f"http://{HOST}:{port}{path}", timeout=10)
    except httpx.TransportError:
        return 0
    return got.text if got.is_success else got.status_code


def envoys(home: Home) -> list[psutil.Process]:
    binary = str(envoy_binary())
    found = [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"]]
    return [each for each in found if each.info["cmdline"][0] == binary and str(home.root) in each.info["cmdline"][2]]


class TestAddresses:
    def test_all_replicas_that_are_ready_answer_at_one_address(
        self, balancer: Balancer, replicas: tuple[Replica, Replica], port: int, until: Until
    ) -> None:
        first, second = replicas
        second.is_ready = False
        balancer.put("d-1", HOST, port, [endpoint(first), endpoint(second)])
        until(lambda: answer(port) == str(first.server_port))
        assert {answer(port) for _ in range(30)} == {str(first.server_port)}
        assert [one.is_ready for one in balancer.health().values()] == [True, False]
        second.is_ready = True
        until(lambda: {answer(port) for _ in range(30)} == {str(one.server_port) for one in replicas})

    def test_one_that_is_said_to_be_ready_answers_at_once(
        self, balancer: Balancer, replicas: tuple[Replica, Replica], port: int, until: Until
    ) -> None:
        balancer.put("d-1", HOST, port, [])
        until(lambda: answer(port) == 503)
        for replica in replicas:
            balancer.put("d-1", HOST, port, [endpoint(replica)])
            place = (HOST, replica.server_port)
            until(lambda place=place: place in balancer.health() and balancer.health()[place].is_ready)
            assert answer(port) == str(replica.server_port)

    def test_without_a_replica_that_is_ready_nobody_gets_the_request(
        self, balancer: Balancer, replicas: tuple[Replica, Replica], port: int, until: Until
    ) -> None:
        replicas[0].is_ready = False
        balancer.put("d-1", HOST, port, [endpoint(replicas[0])])
        until(lambda: answer(port) == 503)
        assert httpx.get(f"http://{HOST}:{port}/").json() == {"error": "no healthy upstream"}
        assert replicas[0].requests == 0

    def test_no_request_is_lost_when_replicas_join_and_leave(
        self, balancer: Balancer, replicas: tuple[Replica, Replica], port: int, until: Until
    ) -> None:
        first, second = replicas
        balancer.put("d-1", HOST, port, [endpoint(first)])
        until(lambda: answer(port) == str(first.server_port))
        with ThreadPoolExecutor() as pool, Load(f"http://{HOST}:{port}/") as load:
            slow = pool.submit(answer, port, "/slow/1.5")
            until(lambda: first.slow_requests == 1)
            balancer.put("d-1", HOST, port, [endpoint(first), endpoint(second)])
            until(lambda: second.requests > 5)
            assert balancer.receiving("d-1") == {(HOST, one.server_port) for one in replicas}
            balancer.put("d-1", HOST, port, [replace(endpoint(first), is_draining=True), endpoint(second)])
            until(lambda: balancer.receiving("d-1") == {(HOST, second.server_port)})
            begun = first.requests
            time.sleep(0.3)
            assert first.requests == begun
            balancer.put("d-1", HOST, port, [endpoint(second)])
            assert slow.result() == str(first.server_port)
            first.end()
            time.sleep(0.3)
        assert load.lost == {}
        assert load.answers["200"] > 100

    def test_what_a_replica_may_have_begun_is_not_sent_to_another(
        self, balancer: Balancer, replicas: tuple[Replica, Replica], port: int, until: Until
    ) -> None:
        balancer.put("d-1", HOST, port, [endpoint(one) for one in replicas])
        until(lambda: len({answer(port) for _ in range(20)}) == 2)
        before = sum(one.requests for one in replicas)
        assert answer(port, "/die") == 503
        assert sum(one.requests for one in replicas) == before + 1
        replicas[0].keeps_alive = False
        assert len({answer(port) for _ in range(30)}) == 2
        replicas[0].end()  # Before the balancer knows it, whoever cannot connect there is sent to the other.
        assert {answer(port) for _ in range(20)} == {str(replicas[1].server_port)}

    def test_grpc_is_spoken_at_the_same_port(self, balancer: Balancer, port: int, until: Until) -> None:
        replica, server = Replica(), grpc.server(ThreadPoolExecutor(2))
        handler = grpc.unary_unary_rpc_method_handler(lambda request, _: request + b"!")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Say": handler}),))
        grpc_port = server.add_insecure_port(f"{HOST}:0")
        server.start()
        balancer.put("d-1", HOST, port, [Endpoint(HOST, replica.server_port, grpc_port)])
        until(lambda: answer(port) == str(replica.server_port))
        with grpc.insecure_channel(f"{HOST}:{port}") as channel:
            assert channel.unary_unary("/test.Echo/Say")(b"hello", timeout=5, wait_for_ready=True) == b"hello!"
        server.stop(None).wait()
        replica.end()

    def test_an_address_that_is_removed_is_free_and_another_stays(
        self, balancer: Balancer, replicas: tuple[Replica, Replica], port: int, until: Until
    ) -> None:
        other = find_free_port()
        balancer.put("d-1", HOST, port, [endpoint(replicas[0])])
        balancer.put("d-2", HOST, other, [endpoint(replicas[1])])
        until(lambda: answer(other) == str(replicas[1].server_port))
        balancer.remove("d-1")
        balancer.remove("d-1")
        until(lambda: answer(port) == 0)
        assert set(balancer.addresses()) == balancer.listening() == {"d-2"}
        assert answer(other) == str(replicas[1].server_port)
        balancer.remove("d-2")

    def test_an_address_is_taken_also_when_envoy_reads_the_listeners_before_the_clusters(
        self, balancer: Balancer, home: Home, replicas: tuple[Replica, Replica], port: int, until: Until
    ) -> None:
        balancer.put("d-1", HOST, port, [endpoint(replicas[0])])
        until(lambda: answer(port) == str(replicas[0].server_port))
        written = {kind: home.balancer / f"{kind}.json" for kind in ("clusters", "listeners")}
        both = {kind: path.read_text() for kind, path in written.items()}
        for kind in ("listeners", "clusters"):
            replace_text(written[kind], '{"resources": []}')
        until(lambda: not balancer.listening() and not balancer.health())
        replace_text(written["listeners"], both["listeners"])
        until(lambda: answer(port) == 503)
        replace_text(written["clusters"], both["clusters"])
        until(lambda: answer(port) == str(replicas[0].server_port))

    def test_a_port_that_another_program_has_is_refused(
        self, balancer: Balancer, replicas: tuple[Replica, Replica], port: int
    ) -> None:
        taken = replicas[0].server_port
        with pytest.raises(Unavailable, match=f"Port {taken}, which is the address of 'd-1', is in use"):
            balancer.put("d-1", HOST, taken, [])
        assert balancer.addresses() == {}


class TestTheProcess:
    def test_after_a_crash_it_is_there_again_with_what_it_had(
        self, balancer: Balancer, home: Home, replicas: tuple[Replica, Replica], port: int, until: Until
    ) -> None:
        balancer.put("d-1", HOST, port, [endpoint(replicas[0])])
        until(lambda: answer(port) == str(replicas[0].server_port))
        (envoy,) = envoys(home)
        os.kill(envoy.pid, signal.SIGKILL)
        until(lambda: [one.pid for one in envoys(home)] not in ([], [envoy.pid]), seconds=15)
        until(lambda: answer(port) == str(replicas[0].server_port))

    def test_it_listens_at_addresses_and_nowhere_else(
        self, balancer: Balancer, home: Home, replicas: tuple[Replica, Replica], port: int, until: Until
    ) -> None:
        balancer.put("d-1", HOST, port, [endpoint(replicas[0])])
        until(lambda: answer(port) == str(replicas[0].server_port))
        (envoy,) = envoys(home)
        listening = [one.laddr for one in envoy.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        assert listening == [(HOST, port)]
        sockets = [Path(str(one.laddr)) for one in envoy.net_connections("unix")]
        assert [place.stat().st_mode & 0o077 for place in sockets if place.exists() and place.name] == [0]

    def test_requests_that_it_has_begun_end_before_it_is_stopped(
        self,
        balancer: Balancer,
        supervisor: Supervisor,
        replicas: tuple[Replica, Replica],
        port: int,
        until: Until,
    ) -> None:
        balancer.put("d-1", HOST, port, [endpoint(replicas[0])])
        until(lambda: answer(port) == str(replicas[0].server_port))
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(answer, port, "/slow/3")
            until(lambda: balancer.health()[HOST, replicas[0].server_port].active_requests == 1)
            supervisor.remove(BALANCER, timeout_seconds=20)
            assert slow.result() == str(replicas[0].server_port)
        assert answer(port) == 0

    def test_without_the_program_it_says_so(self, balancer: Balancer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("modelyard.envoy.binary.find_spec", lambda _: None)
        with pytest.raises(Unavailable, match="Envoy is not installed"):
            balancer.put("d-1", HOST, find_free_port(), [])
