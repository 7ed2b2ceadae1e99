"""Where a folder stands in git: the commit, and whether there is more than it. Without git nothing is known."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 10


@dataclass(frozen=True, slots=True)
class GitState:
    """A commit, and whether there are changes in the folder that it does not have."""

    commit: str
    is_dirty: bool

    @classmethod
    def of(cls, folder: Path) -> "GitState | None":
        """The state of a folder; None where it is in no repository, or nothing was committed."""
        commit = _git(folder, "rev-parse", "HEAD")
        changes = None if not commit else _git(folder, "status", "--porcelain", "--", ".")
        return None if not commit or changes is None else cls(commit=commit, is_dirty=bool(changes))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
