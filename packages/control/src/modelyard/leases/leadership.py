"""The standing claim of one process to work that only one process does: it tries to get the lease, and keeps it."""

from modelyard.leases.domain import Lease
from modelyard.leases.service import Leases


class Leadership:
    """One lease, by its name, that this process holds as long as it can."""

    def __init__(self, leases: Leases, name: str) -> None:
        self._leases = leases
        self._name = name
        self._lease: Lease | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process has it."""
        return self._lease is not None and self._leases.is_held(self._lease)

    def lease(self) -> Lease | None:
        """The lease, if this process holds it or gets it now."""
        if not self.is_held:
            self._lease = self._leases.claim(self._name)
        return self._lease
