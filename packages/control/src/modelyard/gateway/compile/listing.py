"""Lists of versions in sentences of errors, which are short: Envoy sends 4,096 bytes at most."""

from collections.abc import Sequence

_SHOWN = 20


def listed(versions: Sequence[object]) -> str:
    """All of a few, and of many the last ones: `1, 2, 3`."""
    shown = ", ".join(map(str, versions[-_SHOWN:]))
    left_out = len(versions) - _SHOWN
    return shown if left_out <= 0 else f"{shown} and {left_out} more"
