"""What was built of a version, wherever it lies: each place is one adapter of this small port."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from modelyard.registry.domain import Version


@dataclass(frozen=True, slots=True)
class Image:
    """One thing that was built. `size` is in bytes."""

    name: str
    size: int


class Images(Protocol):
    """The images of versions in one place. All calls are idempotent; they raise Unavailable when it does not answer."""

    def built(self, version: Version) -> Sequence[Image]:
        """What is there of this version."""

    def count(self, tenant_id: str, model_name: str) -> int:
        """How many there are of a model's versions."""

    def of_model(self, tenant_id: str, model_name: str, *, most: int) -> Sequence[tuple[int, Image]]:
        """The first of a model's versions, by their numbers."""

    def remove(self, version: Version, *, leaves_unreachable: bool) -> Sequence[str]:
        """Take it all away. What is not there: nothing to do, no error.

        Args:
            version: the one that is deleted.
            leaves_unreachable: do without what does not answer, instead of raising Unavailable.

        Returns:
            the names of what may still be somewhere.
        """
