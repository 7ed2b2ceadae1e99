"""The places in a node's folder: what Envoy reads, and what the node keeps for its own next start."""

import re
from dataclasses import dataclass
from pathlib import Path

from modelyard.supervision.unix_sockets import bindable

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,200}")


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """The folder of one node. It is private to the user (mode 0700)."""

    root: Path

    @property
    def bootstrap(self) -> Path:
        """With which Envoy starts: its listeners among it."""
        return self.root / "bootstrap.json"

    @property
    def clusters(self) -> Path:
        """CDS."""
        return self.root / "clusters.json"

    @property
    def routes(self) -> Path:
        """RDS."""
        return self.root / "routes.json"

    @property
    def metrics(self) -> Path:
        """RDS of the listener for metrics."""
        return self.root / "metrics.json"

    @property
    def certificate(self) -> Path:
        """SDS: the certificate with its key; mode 0600."""
        return self.root / "certificate.json"

    def filter(self, name: str) -> Path:
        """ECDS of one filter. Its name may be written as a file's.

        Raises:
            ValueError: it may not.
        """
        return self.root / "filters" / f"{_plain(name)}.json"

    @property
    def last_good(self) -> Path:
        """The configuration that Envoy took last."""
        return self.root / "configuration.json"

    @property
    def proof(self) -> Path:
        """The bootstrap that is tried before a configuration is applied."""
        return self.root / "proof.json"

    @property
    def record(self) -> Path:
        """Which process Envoy is."""
        return self.root / "envoy.json"

    @property
    def lock(self) -> Path:
        """Held by the node that works in this folder."""
        return self.root / "lock"

    @property
    def log(self) -> Path:
        """What Envoy says."""
        return self.root / "envoy.log"

    @property
    def access_log(self) -> Path:
        """One line for each request."""
        return self.root / "access.log"

    @property
    def usage(self) -> Path:
        """How far the access log was counted."""
        return self.root / "usage.json"

    @property
    def socket(self) -> Path:
        """Envoy's admin interface."""
        inside = self.root / "admin.sock"
        return bindable(inside, key=inside)

    @property
    def comparer(self) -> Path:
        """Where copies of requests go whose answers are compared."""
        inside = self.root / "comparer.sock"
        return bindable(inside, key=inside)

    def make(self) -> None:
        """Make the folders that are not there yet."""
        for place in (self.root, self.root / "filters"):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)


def _plain(name: str) -> str:
    if not _PLAIN.fullmatch(name) or name.startswith("."):
        raise ValueError(f"{name[:80]!r} is no name of a filter: letters, digits, '-', '_' and '.'")
    return name
