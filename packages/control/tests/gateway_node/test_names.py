"""Model servers answer to the names by which callers reach the gateway."""

import socket
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from modelyard.gateway_node.names import names_of_gateway
from modelyard.gateway_node.settings import GatewayNodeSettings


@pytest.mark.parametrize(
    ("url", "host", "names"),
    [
        (None, "127.0.0.1", []),
        ("https://models.example.com:8443", "127.0.0.1", ["models.example.com"]),
        (None, "10.0.0.5", ["10.0.0.5"]),
        ("https://models.example.com", "gateway.internal", ["models.example.com", "gateway.internal"]),
    ],
)
def test_they_are_its_public_name_and_where_it_listens(url: str | None, host: str, names: list[str]) -> None:
    assert names_of_gateway(url, GatewayNodeSettings(host=host)) == names


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_on_every_interface_they_are_all_of_this_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def address(family: int, text: str) -> Any:
        return SimpleNamespace(family=family, address=text)

    interfaces = {
        "eth0": [address(socket.AF_INET, "10.0.0.5"), address(socket.AF_INET6, "fe80::1%eth0")],
        "lo": [address(socket.AF_INET, "127.0.0.1"), address(psutil.AF_LINK, "00:11:22:33:44:55")],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: interfaces)
    monkeypatch.setattr(socket, "gethostname", lambda: "Models")
    assert names_of_gateway(None, GatewayNodeSettings(host=host)) == ["models", "10.0.0.5", "127.0.0.1", "fe80::1"]
