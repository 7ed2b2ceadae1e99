"""Python environments that are built from requirements: first locked to exact versions with hashes, then installed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LogLine = Callable[[str], None]
"""Where the adapter reports its progress, one line a call, for the job's log."""


PYTHON_LINE = "# python: "
"""How the first line of a lock begins."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Exact versions with hashes of everything that an environment holds.

    `text` is a requirements file that names its Python in a comment; `digest` is its sha256 (hex), the environment's
    key.
    """

    text: str
    digest: str

    @property
    def python(self) -> str | None:
        """The Python that it is for, `3.11` or `3.12.1`; None of a lock from before they named one."""
        first = self.text.partition("\n")[0]
        return first.removeprefix(PYTHON_LINE).strip() if first.startswith(PYTHON_LINE) else None


@dataclass(frozen=True, slots=True)
class Environment:
    """An installed environment that is complete and never changed again."""

    digest: str
    path: Path
    python: Path
    """The interpreter; commands of installed packages stand beside it."""


def pinned(lock_text: str) -> tuple[str, ...]:
    """The pins of a lock's text (`name==version`, with their markers), without the hashes."""
    lines = (line.partition("--hash=")[0].strip().removesuffix("\\").strip() for line in lock_text.splitlines())
    return tuple(line for line in lines if line and not line.startswith(("-", "#")))


class Environments(Protocol):
    """Builds environments and keeps them by their lock's digest.

    Both calls are idempotent, may block for minutes, and are safe from several threads and processes at once: two that
    want the same environment wait for one build. A build that was killed leaves nothing that looks complete.
    """

    def lock(
        self,
        requirements: Sequence[str],
        *,
        constraints: str = "",
        requires_python: str = "",
        server_extras: Sequence[str] | None = None,
        log: LogLine,
    ) -> Lock:
        """Resolve PEP 508 requirements (names only: no options but hashes, no paths or URLs) to a lock.

        Args:
            requirements: already parsed and checked by `training.domain.parse_requirements`. What is pinned with
                hashes (`numpy==1.26.4 --hash=sha256:…`) is locked with no others.
            constraints: a lock's text; what it pins and the requirements need keeps its version and its hashes.
            requires_python: the versions that will do (`>=3.12`); empty for the one that we run on, which is also
                preferred. Another one is never downloaded.
            server_extras: not None when the environment shall hold our model server too, with these of its extras.

        Raises:
            Invalid: code `requirements_unresolvable`; the message is the resolver's reason, in one sentence. Or
                `python_unavailable`: this machine has no such Python.
            Unavailable: the package index does not answer.
        """

    def ensure(self, lock: Lock, *, log: LogLine) -> Environment:
        """The environment of this lock; builds it if it is not there.

        Raises:
            Invalid: code `environment_build_failed`, when a package does not install; `python_unavailable`.
            Unavailable: the package index does not answer.
        """
