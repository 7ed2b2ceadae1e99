"""Key sets in memory: the fake."""

from dataclasses import dataclass, field

from modelyard.errors import Unavailable


@dataclass(slots=True)
class FakeKeySets:
    """The port `KeySets`."""

    published: dict[str, bytes] = field(default_factory=dict)
    """By URL; nothing can be had of others."""
    fetched: list[str] = field(default_factory=list)

    def fetch(self, url: str) -> bytes:
        """See the port."""
        self.fetched.append(url)
        if url not in self.published:
            raise Unavailable("nobody answers at the server's address", code="jwks_unavailable")
        return self.published[url]
