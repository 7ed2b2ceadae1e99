"""What the user of a template chooses. Each answer stands in a Makefile, YAML and Python, so its characters are few."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from modelyard_client.errors import Invalid

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_HOST = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_HOST}(?:/{_COMPONENT})+")
_MAX_REPOSITORY = 200


class Kind(StrEnum):
    """What a project trains with."""

    SKLEARN = "sklearn"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    PYTORCH = "pytorch"
    PYFUNC = "pyfunc"
    NOTEBOOK = "notebook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers that make a project; the same ones give the same files.

    Raises:
        Invalid: a name or a repository holds other characters than it may.
    """

    kind: Kind
    name: str
    """Of the model."""
    registry: str | None = None
    """The repository that the image is pushed to; None for the one of the project at GitHub."""
    github: bool = True

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise Invalid(
                f"name: expected 1 to 63 letters, digits, '-' and '_', the first a letter and the last no sign, got "
                f"{self.name[:80]!r}",
                code="name_invalid",
                field="name",
            )
        if self.registry is not None and not _is_repository(self.registry):
            raise Invalid(
                f"registry: expected a repository like ghcr.io/owner/name, in lower case and without a tag, got "
                f"{self.registry[:80]!r}",
                code="registry_invalid",
                field="registry",
            )

    def to_json(self) -> dict[str, Any]:
        """As the project's record has them."""
        return {"kind": self.kind.value, "name": self.name, "registry": self.registry, "github": self.github}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read what `to_json` wrote.

        Raises:
            Invalid: an answer is missing, unknown, or of another type.
        """
        expected = {"kind", "name", "registry", "github"}
        if not isinstance(value, Mapping) or value.keys() != expected:
            raise _unreadable(f"expected the answers {', '.join(sorted(expected))}")
        if value["kind"] not in list(Kind):
            raise _unreadable(f"kind: expected one of {', '.join(Kind)}, got {str(value['kind'])[:80]!r}")
        if not isinstance(value["name"], str) or not isinstance(value["registry"], str | None):
            raise _unreadable("name and registry: expected texts")
        if not isinstance(value["github"], bool):
            raise _unreadable("github: expected true or false")
        return cls(kind=Kind(value["kind"]), name=value["name"], registry=value["registry"], github=value["github"])


def _is_repository(text: str) -> bool:
    return len(text) <= _MAX_REPOSITORY and _REPOSITORY.fullmatch(text) is not None


def _unreadable(what: str) -> Invalid:
    return Invalid(f"the record of the template: {what}", code="template_record_invalid", field="answers")
