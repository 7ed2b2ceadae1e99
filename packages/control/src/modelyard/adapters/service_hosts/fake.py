"""Service hosts in memory: the fake."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class FakeServiceHosts:
    """The port `ServiceHosts`."""

    addresses: dict[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    """By URL."""
    refused: str | None = None

    def refusal(self, url: str) -> str | None:  # noqa: ARG002 - the port's
        """See the port."""
        return self.refused

    def find(self, urls: Collection[str]) -> Mapping[str, Sequence[tuple[str, int]]]:
        """See the port."""
        return {url: self.addresses.get(url, ()) for url in urls}
