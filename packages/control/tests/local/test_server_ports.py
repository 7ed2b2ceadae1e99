"""Claims on ports."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelyard.errors import Unavailable
from modelyard.supervision.server_ports import ServerPorts


@pytest.fixture
def ports(tmp_path: Path) -> ServerPorts:
    return ServerPorts(tmp_path / "ports", host="127.0.0.1")


class TestServerPorts:
    def test_a_claim_is_kept(self, ports: ServerPorts, first_port: int) -> None:
        assert ports.port_of("d-1") is None
        assert ports.claim("d-1", first_port) == first_port
        assert ports.claim("d-1", first_port + 1) == first_port
        assert ports.port_of("d-1") == first_port

    def test_of_ten_that_want_one_port_one_gets_it(self, ports: ServerPorts, first_port: int) -> None:
        def claim(name: str) -> str | None:
            try:
                ports.claim(name, first_port)
            except Unavailable:
                return None
            return name

        with ThreadPoolExecutor(10) as pool:
            (winner,) = filter(None, pool.map(claim, map(str, range(10))))
        assert ports.claims() == {winner: first_port}

    def test_a_port_that_somebody_else_listens_on_is_not_claimed(self, ports: ServerPorts, first_port: int) -> None:
        with (
            socket.create_server(("127.0.0.1", first_port)),
            pytest.raises(Unavailable, match=f"Port {first_port}, which is the address of 'd-1', is in use"),
        ):
            ports.claim("d-1", first_port)
        assert ports.claims() == {}

    def test_a_port_that_is_given_back_is_seen_as_free_by_everybody(
        self, ports: ServerPorts, tmp_path: Path, first_port: int
    ) -> None:
        ports.claim("d-1", first_port)
        elsewhere = ServerPorts(tmp_path / "ports", host="127.0.0.1")
        elsewhere.release("d-1")
        assert ports.port_of("d-1") is None
        assert elsewhere.claim("d-2", first_port) == first_port
        elsewhere.release("d-2")
        elsewhere.release("d-2")
