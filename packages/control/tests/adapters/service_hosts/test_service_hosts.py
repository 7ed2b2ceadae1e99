"""Where service URLs may lead: to public addresses, and to what the operator allows, decided by address."""

from ipaddress import ip_network

import pytest

from modelyard.adapters.service_hosts.dns import DnsServiceHosts
from modelyard.errors import Invalid
from modelyard.gateway.settings import RoutingSettings

PRIVATE = [
    *("http://127.0.0.1", "http://localhost:8000/x", "http://10.1.2.3", "http://169.254.169.254", "https://[::1]"),
    *("http://[::ffff:10.0.0.1]", "http://0.0.0.0", "http://168.63.129.16", "http://[fd00::1]:8080"),
]


class TestDnsServiceHosts:
    @pytest.mark.parametrize("url", PRIVATE)
    def test_private_addresses_are_refused_and_never_given_out(self, url: str) -> None:
        hosts = DnsServiceHosts()
        assert hosts.refusal(url) is not None
        assert hosts.find(url) == []

    def test_a_public_address_may_be_called_at_its_port(self) -> None:
        hosts = DnsServiceHosts()
        assert hosts.refusal("https://1.1.1.1") is None
        assert hosts.find("https://1.1.1.1") == [("1.1.1.1", 443)]
        assert hosts.find("http://1.1.1.1:8080/base") == [("1.1.1.1", 8080)]

    def test_networks_of_the_operator_may_be_called(self) -> None:
        hosts = DnsServiceHosts(networks=[ip_network("10.0.0.0/8")])
        assert hosts.find("http://10.1.2.3") == [("10.1.2.3", 80)]
        assert hosts.find("http://192.168.1.1") == []

    def test_a_name_of_the_operator_leads_where_he_says(self) -> None:
        settings = RoutingSettings(service_hosts={"backend-for-ml-model-v1": "127.0.0.1:9001", "six": "[::1]:80"})
        hosts = DnsServiceHosts(hosts=settings.places)
        assert hosts.refusal("http://Backend-for-ml-model-v1") is None
        assert hosts.find("http://backend-for-ml-model-v1/x") == [("127.0.0.1", 9001)]
        assert hosts.find("http://six") == [("::1", 80)]

    def test_a_name_without_an_address_is_not_refused_and_leads_nowhere(self) -> None:
        hosts = DnsServiceHosts()
        assert hosts.refusal("http://no-such-host.invalid") is None
        assert hosts.find("http://no-such-host.invalid") == []


@pytest.mark.parametrize("place", ["backend:80", "10.0.0.1", "10.0.0.1:0", "10.0.0.1:x", "10.0.0.1:99999"])
def test_a_place_that_is_no_address_and_port_stops_the_start(place: str) -> None:
    with pytest.raises(Invalid, match="expected an IP address and a port"):
        RoutingSettings(service_hosts={"name": place})
