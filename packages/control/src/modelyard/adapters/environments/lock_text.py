"""What adapters read from the text of a lock, and change in it. Pure.

A lock begins with a comment that names its Python, so that its text alone says which environment it is.
"""

import re
from collections.abc import Mapping, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from modelyard.errors import Invalid
from modelyard.ports.environments import PYTHON_LINE, pinned

Hashes = Mapping[str, frozenset[str]]
"""By pin (`numpy==1.26.4`): the hashes that its files may have."""

_HASH = re.compile(r"--hash=(\S+)")
_FORGOTTEN = (
    ("mlflow", SpecifierSet("<2.16"), "setuptools<81"),
    ("mlflow-skinny", SpecifierSet("<2.16"), "setuptools<81"),
)
"""What a package imports and does not require: its name, its versions, and what it needs. MLflow before 2.16 imports
`pkg_resources`, which new environments have not, and which setuptools 81 has given up."""


def headed(text: str, *, python: str) -> str:
    """The text with the line that names its Python."""
    return f"{PYTHON_LINE}{python}\n{text}"


def without_hashes(requirement: str) -> str:
    """A requirement alone, of a line that may name hashes."""
    return requirement.partition(" --hash=")[0].strip()


def hashes_in(*texts: str) -> dict[str, frozenset[str]]:
    """The hashes that lines or locks name, by pin; of what is not pinned there are none."""
    found: dict[str, frozenset[str]] = {}
    for block in (block for text in texts for block in _blocks(text)):
        pin, hashes = _pin(block), frozenset(_HASH.findall(block))
        if pin is not None and hashes:
            found[pin] = found.get(pin, frozenset()) | hashes
    return found


def narrowed(lock: str, demanded: Hashes) -> str:
    """The lock with no other hashes than those that are demanded, for each pin of which any are.

    Raises:
        Invalid: code `requirements_unresolvable`, when no file on the index has a hash that is demanded.
    """
    return "".join(_narrowed(block, demanded) for block in _blocks(lock))


def forgotten(lock: str) -> Sequence[str]:
    """Requirements that packages of this lock have and do not say, unless the lock meets them."""
    pins = {canonicalize_name(each.name): each for each in map(Requirement, pinned(lock))}
    missing = []
    for name, versions, text in _FORGOTTEN:
        needed = Requirement(text)
        if _is_within(pins, name, versions) and not _is_within(pins, needed.name, needed.specifier):
            missing.append(text)
    return sorted(set(missing))


def _is_within(pins: Mapping[NormalizedName, Requirement], name: str, versions: SpecifierSet) -> bool:
    pin = pins.get(canonicalize_name(name))
    version = None if pin is None else _version(pin)
    return version is not None and versions.contains(version, prereleases=True)


def _narrowed(block: str, demanded: Hashes) -> str:
    wanted = demanded.get(_pin(block) or "")
    if wanted is None:
        return block
    allowed = [hash_ for hash_ in _HASH.findall(block) if hash_ in wanted]
    requirement = without_hashes(block.replace("\\\n", " ").replace("    ", " "))
    if not allowed:
        raise Invalid(
            f"The requirements cannot be met: no file of {requirement} on the index has a hash that they allow.",
            code="requirements_unresolvable",
            field="requirements",
        )
    return " \\\n    ".join([requirement, *(f"--hash={hash_}" for hash_ in allowed)]) + "\n"


def _blocks(text: str) -> list[str]:
    """Lines that belong together: a requirement, and its hashes below it."""
    blocks: list[str] = []
    goes_on = False
    for line in text.splitlines(keepends=True):
        if goes_on:
            blocks[-1] += line
        else:
            blocks.append(line)
        goes_on = line.rstrip("\n").endswith("\\")
    return blocks


def _pin(block: str) -> str | None:
    """The pin of a block in its canonical spelling."""
    lines = pinned(without_hashes(block.replace("\\\n", " ").strip()))
    requirement = Requirement(lines[0]) if lines else None
    version = None if requirement is None else _version(requirement)
    return None if requirement is None or version is None else f"{canonicalize_name(requirement.name)}=={version}"


def _version(requirement: Requirement) -> str | None:
    return next((each.version for each in requirement.specifier if each.operator == "=="), None)
