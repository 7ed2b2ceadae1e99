"""What a script needs, in plain requirements. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from modelyard_client.errors import Invalid

Reader = Callable[[PurePosixPath], str | None]
"""Gives the text of a file by its path below the script's folder, or None when there is none."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The requirements of a script.

    `requirements` are PEP 508 requirements by name, some with hashes: `numpy==1.26.4 --hash=sha256:…`. `constraints`
    are such requirements too, that install nothing by themselves. `requires_python` is empty or a version specifier.
    """

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    requires_python: str = ""
    source: str | None = None
    """Which file says so."""


def named_requirement(text: str, *, where: str) -> str:
    """A requirement by name, in its canonical spelling.

    Raises:
        Invalid: it is a path, an address, or no requirement at all.
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        requirement = None
    if requirement is None or requirement.url is not None:
        shown = text.partition("@")[0].strip() if "@" in text else text
        raise refused(
            f"{where}: expected a package's name with versions, like scikit-learn>=1.5 (no paths or addresses), got "
            f"{shown[:80]!r}"
        )
    return str(requirement)


def python_versions(text: str, *, where: str) -> str:
    """A specifier of Python versions in its canonical spelling.

    Raises:
        Invalid: it is none.
    """
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        raise Invalid(
            f"{where}: expected versions of Python, like >=3.11,<3.13, got {text[:80]!r}",
            code="requires_python_invalid",
            field="requires_python",
        ) from None


def refused(message: str) -> Invalid:
    """What cannot be honoured."""
    return Invalid(message, code="requirement_invalid", field="requirements")


def names_an_index(what: str) -> Invalid:
    """A file of a user's that names a package index. Its address is not repeated: it may hold a password."""
    return refused(
        f"{what} names where packages come from: remove it, for package indexes are set by the platform's operator"
    )
