"""The machine that wheels must run on, and which wheel of several that is. Pure.

A base says it with three facts: its architecture, its version of the GNU C library, and its Python.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from modelyard.errors import Invalid
from modelyard.oci.content import Platform

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLDEST = {"amd64": 5}
_OLDEST_ELSEWHERE = 17
_GLIBC = re.compile(r"2\.(\d{1,3})")
_PYTHON = re.compile(r"3\.(\d{1,2})")


class HasFileName(Protocol):
    """Something that a wheel's file name stands for."""

    @property
    def file_name(self) -> str:
        """`numpy-2.2.0-cp311-cp311-manylinux_2_17_x86_64.whl`"""


Choice = TypeVar("Choice", bound=HasFileName)


@dataclass(frozen=True, slots=True)
class WheelTarget:
    """Where wheels shall run: CPython of a minor version on Linux with the GNU C library."""

    platform: Platform
    glibc: str
    """`2.36`"""
    python: str
    """`3.11`"""

    def tags(self) -> Iterator[Tag]:
        """All tags that will do, the best first.

        Raises:
            Invalid: code `platform_unsupported`.
        """
        minor = _number(_PYTHON, self.python, "a version of Python 3")
        platforms = list(self._platforms())
        yield from cpython_tags((3, minor), platforms=platforms, abis=[f"cp3{minor}"])
        yield from compatible_tags((3, minor), interpreter=f"cp3{minor}", platforms=platforms)

    def best(self, wheels: Sequence[Choice]) -> Choice | None:
        """The wheel that suits best; None when none does."""
        ranks = {tag: rank for rank, tag in reversed(list(enumerate(self.tags())))}
        ranked = [(rank, wheel.file_name, wheel) for wheel in wheels if (rank := _rank(wheel, ranks)) is not None]
        return min(ranked, key=lambda each: each[:2])[2] if ranked else None

    def _platforms(self) -> Iterator[str]:
        machine = _MACHINES.get(self.platform.architecture)
        if machine is None or self.platform.os != "linux":
            raise Invalid(
                f"base: expected Linux on {', '.join(_MACHINES)}, got {self.platform}", code="platform_unsupported"
            )
        newest = _number(_GLIBC, self.glibc, "a version 2.x of the GNU C library")
        for minor in range(newest, _OLDEST.get(self.platform.architecture, _OLDEST_ELSEWHERE) - 1, -1):
            yield f"manylinux_2_{minor}_{machine}"
            if minor in _OLD_NAMES:
                yield f"{_OLD_NAMES[minor]}_{machine}"
        yield f"linux_{machine}"


def _rank(wheel: HasFileName, ranks: dict[Tag, int]) -> int | None:
    try:
        _, _, _, tags = parse_wheel_filename(wheel.file_name)
    except InvalidWheelFilename:
        return None
    return min((ranks[tag] for tag in tags if tag in ranks), default=None)


def _number(pattern: re.Pattern[str], text: str, expected: str) -> int:
    found = pattern.fullmatch(text)
    if found is None:
        raise Invalid(f"base: expected {expected}, got {text!r}", code="platform_unsupported")
    return int(found[1])
