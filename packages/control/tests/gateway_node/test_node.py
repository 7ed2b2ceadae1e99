"""A node of the gateway, with a real Envoy."""

import json
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from balanced_replicas import Load, Replica
from cryptography.x509 import load_pem_x509_certificate
from gateway_nodes import RunningNode, cluster, configuration, route
from ports import find_free_port
from tls_pairs import write_pair

from modelyard.envoy.resources import typed
from modelyard.errors import Invalid, Unavailable
from modelyard.gateway_node import Configuration
from modelyard.supervision.generations import Generation, is_alive

Until = Callable[..., None]
_SLOW_CHECK = {
    "timeout": "1s",
    "interval": "0.7s",
    "no_traffic_interval": "0.7s",
    "unhealthy_interval": "0.7s",
    "unhealthy_threshold": 1,
    "healthy_threshold": 1,
    "http_health_check": {"path": "/v2/health/ready"},
}


@pytest.fixture
def replicas() -> Iterator[tuple[Replica, Replica]]:
    made = (Replica(), Replica())
    yield made
    for replica in made:
        replica.end()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    with RunningNode(tmp_path / "gateway", find_free_port()) as node:
        yield node
    assert not envoys(tmp_path)


def envoys(place: Path) -> list[int]:
    """Every Envoy that was started below a folder."""
    found = [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"]]
    return [each.pid for each in found if any(str(place) in word for word in each.info["cmdline"])]


def to(replica: Replica, name: str = "a") -> Configuration:
    return configuration({name: [replica.server_port]}, [route("/", {name: 1})])


def answer(node: RunningNode, path: str = "/") -> str | int:
    got = httpx.get(node.url + path, timeout=20)
    return got.text if got.is_success else got.status_code


class TestConfigurations:
    def test_the_newest_one_serves_and_is_reported(self, node: RunningNode, replicas: tuple[Replica, Replica]) -> None:
        for replica in replicas:
            wanted = to(replica)
            report = node.publish(wanted)
            assert (report.running, report.refused, report.is_serving) == (wanted.digest, None, True)
            assert answer(node) == str(replica.server_port)
        assert answer(node, "/-/ready") == ""
        assert report.envoy_version is not None

    @pytest.mark.parametrize("name", ["b", "a"])
    def test_requests_go_to_a_server_when_envoy_holds_it_to_be_healthy(
        self, node: RunningNode, replicas: tuple[Replica, Replica], name: str
    ) -> None:
        """A cluster is known before its server is ready, as that of a deployment is: Envoy looks again after a while.

        So does one whose server takes the place of another at the same address.
        """
        first, second = replicas
        second.is_ready = False
        common: dict[str, Any] = {
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
            "health_checks": [_SLOW_CHECK],
            "ignore_health_on_host_removal": True,
        }
        backends = {"a": [first.server_port], "b": [second.server_port]}
        node.publish(configuration(backends, [route("/", {"a": 1})], **common))
        second.is_ready = True
        taken = {**backends, "a": [second.server_port]}
        with Load(node.url) as load:
            node.publish(configuration(taken, [route("/", {name: 1})], **common))
            assert answer(node) == str(second.server_port)
        assert load.lost == {}

    def test_one_whose_server_does_not_get_healthy_is_run_all_the_same(
        self, node: RunningNode, replicas: tuple[Replica, Replica]
    ) -> None:
        replicas[0].is_ready = False
        wanted = configuration({"a": [replicas[0].server_port]}, [route("/", {"a": 1})], health_checks=[_SLOW_CHECK])
        assert node.publish(wanted).running == wanted.digest

    def test_one_that_leads_nowhere_is_refused_with_envoys_words_and_the_former_serves(
        self, node: RunningNode, replicas: tuple[Replica, Replica]
    ) -> None:
        good = to(replicas[0])
        node.publish(good)
        bad = configuration({"a": [replicas[0].server_port]}, [route("/", {"b": 1})])
        report = node.publish(bad)
        assert (report.running, report.refused) == (good.digest, bad.digest)
        assert report.reason == "route: unknown weighted cluster 'b'"
        assert answer(node) == str(replicas[0].server_port)
        better = to(replicas[1], name="b")
        assert node.publish(better).refused is None
        assert answer(node) == str(replicas[1].server_port)

    def test_one_that_envoy_itself_refuses_is_taken_back_whole(
        self, node: RunningNode, replicas: tuple[Replica, Replica], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        good = to(replicas[0])
        node.publish(good)
        monkeypatch.setattr("modelyard.gateway_node.node.prove", lambda *_: None)
        domains = [{"name": name, "domains": ["*"], "routes": []} for name in "ab"]
        routes = typed("envoy.config.route.v3.RouteConfiguration", name="gateway", virtual_hosts=domains)
        bad = Configuration(clusters=(cluster("b"),), endpoints=(), routes=routes)
        report = node.publish(bad)
        assert report.running == good.digest
        assert report.reason is not None
        assert "Only a single wildcard domain is permitted in route gateway" in report.reason
        assert answer(node) == str(replicas[0].server_port)
        assert "wildcard" not in node.folder.routes.read_text()

    def test_a_configuration_of_a_newer_control_plane_is_refused_with_that_reason(
        self, node: RunningNode, replicas: tuple[Replica, Replica]
    ) -> None:
        good = to(replicas[0])
        node.publish(good)
        strange = configuration({"a": [replicas[0].server_port]}, [route("/", {"a": 1})], {"new-filter": typed("x.Y")})
        assert "older than the control plane" in (node.publish(strange).reason or "")

    def test_a_request_on_a_cluster_that_goes_is_answered(
        self, node: RunningNode, replicas: tuple[Replica, Replica], until: Until
    ) -> None:
        first, second = replicas
        node.publish(to(first, "a"))
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(answer, node, "/slow/1.5")
            until(lambda: first.slow_requests == 1)
            node.publish(to(second, "b"))
            assert answer(node) == str(second.server_port)
            assert slow.result() == str(first.server_port)

    def test_a_request_on_a_cluster_whose_servers_change_is_answered(
        self, node: RunningNode, replicas: tuple[Replica, Replica], until: Until
    ) -> None:
        one, two = replicas
        node.publish(to(one))
        with ThreadPoolExecutor() as pool:
            begun = pool.submit(answer, node, "/slow/3")
            until(lambda: one.slow_requests == 1)
            with Load(node.url) as load:
                for replica in (two, one, two):
                    node.publish(to(replica))
                    assert answer(node) == str(replica.server_port)
            assert begun.result() == str(one.server_port)
        assert load.lost == {}

    def test_its_envoy_watches_as_many_files_however_many_clusters_there_are(
        self, node: RunningNode, replicas: tuple[Replica, Replica]
    ) -> None:
        """Each watched file costs an instance of inotify, of which a user has 128, and Envoy aborts without one."""
        port = replicas[0].server_port
        counts = set()
        for clusters in (1, 30):
            node.publish(configuration({f"c{number}": [port] for number in range(clusters)}, [route("/", {"c0": 1})]))
            [pid] = envoys(node.folder.root)
            files = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
            counts.add(sum("inotify" in each for each in files))
        assert len(counts) == 1


class TestLives:
    def test_it_serves_on_while_the_control_plane_is_away_and_takes_the_newest_when_it_is_back(
        self, node: RunningNode, replicas: tuple[Replica, Replica]
    ) -> None:
        node.publish(to(replicas[0]))
        node.control_plane.is_away = True
        assert answer(node) == str(replicas[0].server_port)
        node.control_plane.is_away = False
        node.publish(to(replicas[1]))
        assert answer(node) == str(replicas[1].server_port)

    def test_a_killed_envoy_is_started_again_with_what_it_ran(
        self, node: RunningNode, replicas: tuple[Replica, Replica], until: Until, tmp_path: Path
    ) -> None:
        node.publish(to(replicas[0]))
        (before,) = envoys(tmp_path)
        os.kill(before, signal.SIGKILL)
        until(lambda: [pid for pid in envoys(tmp_path) if pid != before] != [] and answers(node))
        assert answer(node) == str(replicas[0].server_port)

    def test_the_next_node_takes_over_the_envoy_of_one_that_was_killed(
        self, replicas: tuple[Replica, Replica], tmp_path: Path
    ) -> None:
        port = find_free_port()
        with RunningNode(tmp_path / "gateway", port) as first:
            first.publish(to(replicas[0]))
            before = envoys(tmp_path)
            first.kill()
        with httpx.Client() as client:  # Its connection goes through all of it.
            assert client.get(first.url).text == str(replicas[0].server_port)
            with RunningNode(tmp_path / "gateway", port) as second:
                second.publish(to(replicas[1]))
                assert client.get(first.url).text == str(replicas[1].server_port)
                assert envoys(tmp_path) == before
        assert not envoys(tmp_path)

    def test_one_with_other_settings_ends_the_envoy_that_it_finds(
        self, replicas: tuple[Replica, Replica], tmp_path: Path, until: Until
    ) -> None:
        with RunningNode(tmp_path / "gateway", find_free_port()) as first:
            first.publish(to(replicas[0]))
            first.kill()
        with RunningNode(tmp_path / "gateway", find_free_port()) as second:
            until(lambda: answers(second))  # With the last good configuration, without a word of the control plane.
            assert answer(second) == str(replicas[0].server_port)
            assert len(envoys(tmp_path)) == 1
        assert not envoys(tmp_path)

    def test_it_ends_requests_that_have_begun_before_it_stops(
        self, replicas: tuple[Replica, Replica], tmp_path: Path, until: Until
    ) -> None:
        with ThreadPoolExecutor() as pool:
            with RunningNode(tmp_path / "gateway", find_free_port()) as node:
                node.publish(to(replicas[0]))
                slow = pool.submit(httpx.get, f"{node.url}/slow/1.5", timeout=20)
                until(lambda: replicas[0].slow_requests == 1)
            done = slow.result()
        assert done.text == str(replicas[0].server_port)
        assert done.headers["connection"] == "close"
        with pytest.raises(httpx.ConnectError):
            answer(node)

    def test_a_port_that_somebody_has_is_named(self, replicas: tuple[Replica, Replica], tmp_path: Path) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as taken,
            RunningNode(tmp_path / "gateway", taken.getsockname()[1]) as node,
        ):
            node.control_plane.publish(to(replicas[0]))
            node._thread.join(20)
        assert isinstance(node.failure, Unavailable)
        assert "Address already in use" in node.failure.message
        assert not envoys(tmp_path)

    def test_a_record_of_a_process_that_is_gone_is_nobodys(
        self, replicas: tuple[Replica, Replica], tmp_path: Path
    ) -> None:
        with RunningNode(tmp_path / "gateway", find_free_port()) as node:
            node.publish(to(replicas[0]))
        Generation(group=os.getpid(), started_at=0, boot="", digest="").write(node.folder.record)
        with RunningNode(tmp_path / "gateway", find_free_port()) as other:
            other.publish(to(replicas[1]))
            assert is_alive(os.getpid())


class TestTls:
    def test_another_certificate_is_used_without_a_restart_and_a_broken_one_is_not(
        self, replicas: tuple[Replica, Replica], tmp_path: Path, until: Until
    ) -> None:
        certificate, key = write_pair(tmp_path, 1)
        tls_port = find_free_port()
        files: dict[str, Any] = {"tls_port": tls_port, "tls_certificate": certificate, "tls_key": key}
        with RunningNode(tmp_path / "gateway", find_free_port(), **files) as node:
            node.publish(to(replicas[0]))
            before = envoys(tmp_path)
            assert serial(tls_port) == 2
            write_pair(tmp_path, 2)
            until(lambda: serial(tls_port) == 3, seconds=10)
            key.write_text("no key")
            until(lambda: node.node._state().problem is not None)
            assert "MODELYARD_GATEWAY_TLS_KEY" in str(node.node._state().problem)
            assert serial(tls_port) == 3
            write_pair(tmp_path, 3)
            until(lambda: serial(tls_port) == 4 and node.node._state().problem is None, seconds=10)
            assert envoys(tmp_path) == before
            with httpx.Client(http2=False, verify=False) as client:
                assert client.get(f"https://127.0.0.1:{tls_port}/").text == str(replicas[0].server_port)
            private = key.read_text().splitlines()[1]
            assert private not in node.envoy.admin._request("GET", "/config_dump").decode()

    def test_a_certificate_that_cannot_be_used_stops_the_start(self, tmp_path: Path) -> None:
        certificate, key = write_pair(tmp_path, 1)
        key.write_text("no key")
        with RunningNode(tmp_path / "gateway", find_free_port(), tls_certificate=certificate, tls_key=key) as node:
            node._thread.join(10)
        assert isinstance(node.failure, Invalid)
        assert "MODELYARD_GATEWAY_TLS_KEY" in node.failure.message


class TestMetrics:
    def test_prometheus_finds_them_at_a_port_of_their_own(
        self, replicas: tuple[Replica, Replica], tmp_path: Path
    ) -> None:
        metrics_port = find_free_port()
        with RunningNode(tmp_path / "gateway", find_free_port(), metrics_port=metrics_port) as node:
            node.publish(to(replicas[0]))
            answer(node)
            got = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics")
            assert 'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="a"}' in got.text
            assert httpx.get(f"http://127.0.0.1:{metrics_port}/config_dump").status_code == 404


class TestTheLog:
    def test_it_has_a_line_for_each_request_without_the_query(
        self, node: RunningNode, replicas: tuple[Replica, Replica], until: Until
    ) -> None:
        node.publish(to(replicas[0]))
        asked = {"X-Request-Id": "mine", "modelyard-subscription": "forged"}
        got = httpx.get(f"{node.url}/a/b?subscription-key=secret", headers=asked)
        assert got.headers["x-request-id"] == "mine"
        until(lambda: "mine" in node.folder.access_log.read_text(), seconds=5)
        (line,) = [json.loads(each) for each in node.folder.access_log.read_text().splitlines()]
        assert (line["path"], line["status"], line["request_id"], line["backend"]) == ("/a/b", 200, "mine", "a")
        assert "subscription" not in line
        assert "secret" not in node.folder.access_log.read_text()


def serial(port: int) -> int:
    """Of the certificate that a new connection gets."""
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return load_pem_x509_certificate(pem.encode()).serial_number


def answers(node: RunningNode) -> bool:
    try:
        return httpx.get(f"{node.url}/-/ready").is_success
    except httpx.TransportError:
        return False


def test_a_node_that_stops_reports_that_it_serves_no_more(tmp_path: Path) -> None:
    with RunningNode(tmp_path, find_free_port()) as node:
        node.publish(configuration({}, []))
        assert node.control_plane.reports[-1].is_serving
    assert not node.control_plane.reports[-1].is_serving
