"""Which addresses may be connected to."""

from ipaddress import ip_network

import pytest

from modelyard.adapters.receiver.address import AddressRule

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "203.0.113.7"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1"),
    *("2001:0:4136:e378:8000:63bf:80ff:fffe", "100::1", "", "localhost", "127.1", "0x7f000001"),
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]


class TestAddressRule:
    @pytest.mark.parametrize("address", PRIVATE)
    def test_what_is_not_public_is_not_connected_to(self, address: str) -> None:
        assert not AddressRule().permits(address)

    @pytest.mark.parametrize("address", PUBLIC)
    def test_what_is_public_is(self, address: str) -> None:
        assert AddressRule().permits(address)
        assert not AddressRule(is_public_allowed=False).permits(address)

    @pytest.mark.parametrize(
        ("address", "is_permitted"),
        [
            ("10.1.2.3", True),
            ("::ffff:10.1.2.3", True),
            ("64:ff9b::a01:203", True),
            ("11.1.2.3", True),
            ("10.200.0.1", False),
            ("fd00::1", True),
            ("fd01::1", False),
        ],
    )
    def test_networks_of_the_operator_are_besides(self, address: str, is_permitted: bool) -> None:  # noqa: FBT001
        rule = AddressRule([ip_network("10.1.0.0/16"), ip_network("fd00::/64")])
        assert rule.permits(address) is is_permitted
