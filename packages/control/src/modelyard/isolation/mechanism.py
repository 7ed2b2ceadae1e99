"""Which mechanism isolates users' code on this machine, and what an operator demands."""

import os
import sys
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

from modelyard.errors import Invalid
from modelyard.isolation import landlock, private_mounts, system_places
from modelyard.isolation.accounts import FIRST_USER


class Mechanism(StrEnum):
    """What stands between users' code and everything else of ours."""

    USER = "user"  # A user of its own, a view of its own, and Landlock where the kernel has it. Needs root.
    LANDLOCK = "landlock"  # The kernel's rules for files, ports, signals; and a view of its own where that is allowed.
    NONE = "none"


class IsolationChoice(StrEnum):
    """What the operator wants, as MODELYARD_RUN_ISOLATION names it."""

    AUTO = "auto"  # The strongest that there is; none, with a warning, where there is none.
    REQUIRED = "required"  # The strongest that there is; nothing runs where there is none.
    USER = "user"
    LANDLOCK = "landlock"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Isolation:
    """What is in force."""

    mechanism: Mechanism
    has_private_mounts: bool = False
    abi: int = 0
    """Of Landlock; 0 where the kernel has none."""
    readable: tuple[Path, ...] = ()
    """What the operator opens for all runs, such as folders of data."""
    hidden: tuple[Path, ...] = ()
    """The home."""

    @property
    def description(self) -> str:
        """In words, for who asks which is in force."""
        if self.mechanism is Mechanism.NONE:
            return "none: a script can read and change whatever the account of the control plane can"
        parts = ["a user of its own for each run"] if self.mechanism is Mechanism.USER else []
        parts += [f"Landlock (ABI {self.abi})"] if self.abi else []
        parts += ["a file system view of its own"] if self.has_private_mounts else []
        weak = "" if self.mechanism is Mechanism.USER or self.abi >= landlock.SCOPES_ABI else _NO_SIGNALS
        return f"{self.mechanism}: {', '.join(parts)}{weak}"

    @property
    def of_servers(self) -> "Isolation":
        """The same for model servers, which keep the control plane's user: their files and ports outlive a process."""
        if self.mechanism is Mechanism.USER:
            return replace(self, mechanism=Mechanism.LANDLOCK) if self.abi else NO_ISOLATION
        return self


_NO_SIGNALS = "; this kernel lets a script end processes of the same account"
NO_ISOLATION = Isolation(Mechanism.NONE)


def choose_isolation(
    choice: IsolationChoice, *, home: Path | None = None, readable: tuple[Path, ...] = ()
) -> Isolation:
    """The mechanism that is used.

    Raises:
        Invalid: code `isolation_unavailable`, when what is demanded is not to be had here; the message says why.
    """
    if choice is IsolationChoice.NONE:
        return NO_ISOLATION
    able = _abilities()
    # Landlock only adds places, so what lies in one that all may read is hidden by a view of its own or not at all.
    abi = able.abi if able.has_mounts or not _is_open(home, readable) else 0
    hidden = () if home is None else (home,)
    if able.has_users and choice is not IsolationChoice.LANDLOCK:
        return Isolation(Mechanism.USER, able.has_mounts, able.abi, readable, hidden)
    if abi and choice is not IsolationChoice.USER:
        return Isolation(Mechanism.LANDLOCK, able.has_mounts, abi, readable, hidden)
    if choice is IsolationChoice.AUTO:
        return NO_ISOLATION
    raise Invalid(
        f"MODELYARD_RUN_ISOLATION is '{choice}', which is not to be had here: {_lack(choice)}.",
        code="isolation_unavailable",
    )


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this machine lets this process do."""

    abi: int
    """Of Landlock; 0 where there is none."""
    has_mounts: bool
    has_users: bool


@cache
def _abilities() -> Abilities:
    has_users = _is_root() and private_mounts.can_enter(user=FIRST_USER)
    return Abilities(landlock.abi_version(), has_users or private_mounts.can_enter(), has_users)


def _is_root() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


def _is_open(home: Path | None, readable: tuple[Path, ...]) -> bool:
    return home is not None and any(home.is_relative_to(place) for place in (*system_places.readable(), *readable))


def _lack(choice: IsolationChoice) -> str:
    no_user = "a user for each run needs root, with the right to mount (CAP_SYS_ADMIN)"
    no_landlock = "Landlock needs Linux 5.13 with it switched on, and a home outside of the system's own folders"
    named = {IsolationChoice.USER: no_user, IsolationChoice.LANDLOCK: no_landlock}
    return named.get(choice, f"{no_landlock}; {no_user}")
