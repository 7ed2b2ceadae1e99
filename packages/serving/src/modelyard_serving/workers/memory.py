"""The memory of a process, where the system reports it."""

import os
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int | None = None) -> int | None:
    """Resident memory of a process, of this one by default; None where there is no /proc, or no such process."""
    try:
        return int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return None
