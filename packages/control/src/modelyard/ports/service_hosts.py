"""Where service URLs of APIs lead: servers of somebody else's, which people name."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol


class ServiceHosts(Protocol):
    """Finds the addresses of service URLs. It gives out only addresses that the operator lets the gateway call:
    public ones, those of networks that are allowed, and those of names that the operator has given an address.

    The gateway connects to the very addresses that it is given, so no look-up after that leads elsewhere.
    """

    def refusal(self, url: str) -> str | None:
        """Why the gateway does not call this URL, asked when it is set; None if it does.

        A name without an address is not refused, since it may get one. It may take some seconds.
        """
        ...

    def find(self, urls: Collection[str]) -> Mapping[str, Sequence[tuple[str, int]]]:
        """IP addresses and ports that may be called; none where there are none, or as long as nobody says so in time.

        It is asked for all URLs of all tenants again and again, and looks a name up once in a while. It never raises,
        and takes seconds at most, however many names have no address: nobody's configuration waits for those.
        """
        ...
