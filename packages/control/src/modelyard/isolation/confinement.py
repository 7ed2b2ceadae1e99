"""What a process that runs users' code may see and touch, and the entering of it."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelyard.isolation import landlock, private_mounts, syscalls, system_places
from modelyard.isolation.mechanism import Isolation, Mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """Its own folders, what it reads, and the system. All else of this machine's files is refused.

    It is entered by the process itself, after `fork` and before `exec`, and holds for all that comes from it.
    """

    mechanism: Mechanism
    has_private_mounts: bool
    writable: Sequence[Path]
    """Its own folders. With a user of its own, they are given to that user before."""
    readable: Sequence[Path] = ()
    """Besides the system: the environment, a model's files. Programs there may be executed."""
    hidden: Sequence[Path] = ()
    """Where secrets and other people's files lie: empty for it, where it has a view of its own."""
    bind_ports: Sequence[int] = ()
    """On which it may listen, besides those that the system chooses."""
    user: int | None = None
    """The number of the user that it becomes."""

    @classmethod
    def of(
        cls,
        isolation: Isolation,
        *,
        python: Path,
        writable: Sequence[Path],
        readable: Sequence[Path] = (),
        bind_ports: Sequence[int] = (),
    ) -> "Confinement":
        """Of a program that an interpreter runs, by what is in force here."""
        return cls(
            mechanism=isolation.mechanism,
            has_private_mounts=isolation.has_private_mounts,
            writable=tuple(writable),
            readable=(*system_places.of_python(python), *isolation.readable, *readable),
            hidden=isolation.hidden,
            bind_ports=tuple(bind_ports),
        )

    def enter(self) -> None:
        """Confine this process for good. Raises OSError where the system refuses: the code must not run then."""
        if self.mechanism is Mechanism.NONE:
            return
        if self.has_private_mounts:
            private_mounts.enter(
                writable=self.writable, hidden=self._covered(), kept=[*self.readable, *system_places.readable()]
            )
        if self.user is not None:
            os.setgroups([])
            os.setgid(self.user)
            os.setuid(self.user)
        elif os.geteuid() == 0:
            syscalls.drop_capabilities()
        syscalls.forgo_new_privileges()
        if landlock.abi_version():
            landlock.restrict(self._allowed(), bind_ports=self.bind_ports)

    def to_dict(self) -> dict[str, Any]:
        """As a file holds it that another process reads."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return content

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Confinement":
        """What `to_dict` gave."""
        places = {name: [Path(each) for each in content[name]] for name in ("writable", "readable", "hidden")}
        return cls(**{**content, **places, "mechanism": Mechanism(content["mechanism"])})

    def _allowed(self) -> list[tuple[Path, landlock.Access]]:
        read = [(place, landlock.READ) for place in (*system_places.readable(), *self.readable)]
        write = [(place, landlock.READ | landlock.WRITE) for place in (*self.writable, system_places.shared_memory())]
        return [*read, *write, *((place, landlock.DEVICE) for place in system_places.devices())]

    def _covered(self) -> list[Path]:
        """The hidden places, and, for another user, whatever bars its way to what it needs."""
        needed = (*self.writable, *self.readable) if self.user is not None else ()
        barred = {barrier for place in needed for barrier in _barriers(place)}
        covered = sorted({*self.hidden, *barred}, key=lambda each: len(each.parts))
        return [place for place in covered if not any(place.is_relative_to(each) for each in covered if each != place)]


def _barriers(place: Path) -> list[Path]:
    """The outermost folder on the way to a place that other users cannot pass, if any."""
    for folder in reversed(place.parents):
        if folder.is_dir() and not folder.stat().st_mode & 0o001:
            return [folder]
    return []
