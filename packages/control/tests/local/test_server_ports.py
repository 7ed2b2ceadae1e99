"""Claims on ports."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelyard.errors import Unavailable
from modelyard.local.server_ports import ServerPorts


@pytest.fixture
def ports(tmp_path: Path, first_port: int) -> ServerPorts:
    return ServerPorts(tmp_path / "ports", host="127.0.0.1", first=first_port, last=first_port + 9)


class TestServerPorts:
    def test_a_claim_is_kept(self, ports: ServerPorts) -> None:
        assert ports.port_of("d-1") is None
        port = ports.claim("d-1")
        assert ports.claim("d-1") == port
        assert ports.port_of("d-1") == port

    def test_ten_at_once_get_ten_ports_and_the_eleventh_hears_that_all_are_taken(
        self, ports: ServerPorts, first_port: int
    ) -> None:
        with ThreadPoolExecutor(10) as pool:
            claimed = set(pool.map(ports.claim, map(str, range(10))))
        assert claimed == set(range(first_port, first_port + 10))
        with pytest.raises(Unavailable, match=f"{first_port} to {first_port + 9}"):
            ports.claim("eleventh")
        assert "eleventh" not in ports.claims()

    def test_a_port_that_somebody_else_listens_on_is_left_out(self, ports: ServerPorts, first_port: int) -> None:
        with socket.create_server(("127.0.0.1", first_port)):
            assert ports.claim("d-1") == first_port + 1

    def test_a_port_that_is_given_back_is_seen_as_free_by_everybody(
        self, ports: ServerPorts, tmp_path: Path, first_port: int
    ) -> None:
        port = ports.claim("d-1")
        elsewhere = ServerPorts(tmp_path / "ports", host="127.0.0.1", first=first_port, last=first_port + 9)
        elsewhere.release("d-1")
        assert ports.port_of("d-1") is None
        assert elsewhere.claim("d-2") == port
        elsewhere.release("d-2")
        elsewhere.release("d-2")
