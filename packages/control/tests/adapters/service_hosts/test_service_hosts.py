"""Where service URLs may lead: to public addresses, and to what the operator allows, decided by address."""

import threading
import time
from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from modelyard.adapters.service_hosts import dns
from modelyard.adapters.service_hosts.dns import DnsServiceHosts
from modelyard.errors import Invalid
from modelyard.gateway.settings import RoutingSettings

PRIVATE = [
    *("http://127.0.0.1", "http://localhost:8000/x", "http://10.1.2.3", "http://169.254.169.254", "https://[::1]"),
    *("http://[::ffff:10.0.0.1]", "http://0.0.0.0", "http://168.63.129.16", "http://[fd00::1]:8080"),
]


def found(hosts: DnsServiceHosts, url: str) -> Sequence[tuple[str, int]]:
    return hosts.find([url])[url]


class TestDnsServiceHosts:
    @pytest.mark.parametrize("url", PRIVATE)
    def test_private_addresses_are_refused_and_never_given_out(self, url: str) -> None:
        hosts = DnsServiceHosts()
        assert hosts.refusal(url) is not None
        assert found(hosts, url) == []

    def test_a_public_address_may_be_called_at_its_port(self) -> None:
        hosts = DnsServiceHosts()
        assert hosts.refusal("https://1.1.1.1") is None
        assert found(hosts, "https://1.1.1.1") == [("1.1.1.1", 443)]
        assert found(hosts, "http://1.1.1.1:8080/base") == [("1.1.1.1", 8080)]

    def test_networks_of_the_operator_may_be_called(self) -> None:
        hosts = DnsServiceHosts(networks=[ip_network("10.0.0.0/8")])
        assert found(hosts, "http://10.1.2.3") == [("10.1.2.3", 80)]
        assert found(hosts, "http://192.168.1.1") == []

    def test_a_name_of_the_operator_leads_where_he_says(self) -> None:
        settings = RoutingSettings(service_hosts={"backend-for-ml-model-v1": "127.0.0.1:9001", "six": "[::1]:80"})
        hosts = DnsServiceHosts(hosts=settings.places)
        assert hosts.refusal("http://Backend-for-ml-model-v1") is None
        assert found(hosts, "http://backend-for-ml-model-v1/x") == [("127.0.0.1", 9001)]
        assert found(hosts, "http://six") == [("::1", 80)]

    def test_a_name_without_an_address_is_not_refused_and_leads_nowhere(self) -> None:
        hosts = DnsServiceHosts()
        assert hosts.refusal("http://no-such-host.invalid") is None
        assert found(hosts, "http://no-such-host.invalid") == []

    def test_names_that_no_resolver_answers_for_hold_the_others_up_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answered, away = threading.Event(), [f"http://away-{number}" for number in range(40)]

        def look_up(host: str) -> Sequence[str]:
            if host.startswith("away"):
                answered.wait(20)
            return ["1.1.1.1"]

        monkeypatch.setattr(dns, "_addresses", look_up)
        monkeypatch.setattr(dns, "_LOOKUP_SECONDS", 0.3)
        hosts, begun = DnsServiceHosts(), time.monotonic()
        assert found(hosts, "http://here") == [("1.1.1.1", 80)]
        assert hosts.find([*away[:2], "http://here", "http://there"])["http://there"] == [("1.1.1.1", 80)]
        everything = hosts.find([*away, "http://here"])
        assert (everything["http://here"], everything["http://away-7"]) == ([("1.1.1.1", 80)], [])
        assert time.monotonic() - begun < 3
        answered.set()


@pytest.mark.parametrize("place", ["backend:80", "10.0.0.1", "10.0.0.1:0", "10.0.0.1:x", "10.0.0.1:99999"])
def test_a_place_that_is_no_address_and_port_stops_the_start(place: str) -> None:
    with pytest.raises(Invalid, match="expected an IP address and a port"):
        RoutingSettings(service_hosts={"name": place})
