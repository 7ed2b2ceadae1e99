"""Which addresses may be connected to: public ones, and those of networks that the operator allows. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
_UNICAST6 = ip_network("2000::/3")
"""All of IPv6 that is given to anybody in public."""
_REFUSED = (
    ip_network("168.63.129.16/32"),  # Azure's own services of a virtual machine: public by its number only.
    ip_network("192.0.0.0/24"),  # Protocol assignments; a cloud keeps its metadata there.
    ip_network("192.88.99.0/24"),  # Relays of 6to4.
)


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Says of an address whether it may be connected to."""

    allowed: Sequence[Network] = ()
    is_public_allowed: bool = True

    def permits(self, text: str) -> bool:
        """Whether this address may be connected to; something that is no address may not."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        return all(self._permits(each) for each in _meant(address))

    def _permits(self, address: Address) -> bool:
        if any(address in network for network in self.allowed):
            return True
        return self.is_public_allowed and _is_public(address)


def _meant(address: Address) -> Iterator[Address]:
    """The addresses that packets to this one may reach: an IPv4 address in disguise is that one."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    low = int(address) & 0xFFFFFFFF
    if address in _NAT64:
        yield IPv4Address(low)
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def _is_public(address: Address) -> bool:
    if any(address in network for network in _REFUSED) or (address.version == 6 and address not in _UNICAST6):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
