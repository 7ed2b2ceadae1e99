"""What a file declares, where it says so, and what applying it changes. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Fields = Mapping[str, Any]
"""An object as a file has it: JSON's values by name, without those that are the default."""
ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Item:
    """One object of a file."""

    kind: str
    """The list in which it stands: `apis`."""
    content: Any
    place: Place
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each of its fields stands, dotted."""

    def place_of(self, name: str) -> Place:
        """Where a field stands, or the nearest one around it, or the object."""
        while name:
            if name in self.lines:
                return Place(self.place.file, self.lines[name])
            name = name.rpartition(".")[0]
        return self.place


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a file."""

    place: Place
    field: str
    message: str

    @property
    def sentence(self) -> str:
        """`gateway.yaml:12: apis.ml-model-v1.path: expected …`."""
        return f"{self.place}: {self.field}: {self.message}" if self.field else f"{self.place}: {self.message}"


class Action(StrEnum):
    """What applying does about an object."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that changes."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One object."""

    action: Action
    kind: str
    key: str
    differences: Sequence[Difference] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What files change, or would; or what is wrong in them, and then nothing."""

    changes: Sequence[Change]
    problems: Sequence[Problem] = ()
    is_applied: bool = False


def differences_of(before: Fields, after: Fields, *, above: str = "") -> Iterator[Difference]:
    """Field by field, those of objects in objects by their dotted names."""
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences_of(old, new, above=f"{above}{name}.")
        elif old != new:
            yield Difference(f"{above}{name}", _shown(old), _shown(new))


def _shown(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_shown(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
