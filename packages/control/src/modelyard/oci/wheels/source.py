"""The port that provides the wheels of a lock for an image."""

from collections.abc import Callable, Sequence
from typing import Protocol

from modelyard.oci.wheels.environment import LockedWheel
from modelyard.oci.wheels.target import WheelTarget


class WheelSource(Protocol):
    """Finds and fetches wheels. Idempotent; may block for minutes; safe from several threads and processes at once."""

    def wheels(self, lock_text: str, target: WheelTarget, *, log: Callable[[str], None]) -> Sequence[LockedWheel]:
        """One wheel for each package of a lock, each of which the target runs and whose hash the lock has.

        Before anything is fetched it is known that there is one for each.

        Args:
            lock_text: a requirements file with exact versions and hashes.
            target: where they shall run.
            log: takes one line for each wheel that is fetched.

        Raises:
            Invalid: code `wheel_missing`: a package has none, as one that comes as source only; the sentence says
                what can be done. Or `wheel_changed`: what was fetched is not what the lock names.
            Unavailable: code `package_index_unavailable`.
        """
