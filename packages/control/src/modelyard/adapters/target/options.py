"""Reads what an operator says of a target in MODELYARD_TARGETS."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from modelyard.errors import Invalid
from modelyard.findings import findings

Options = TypeVar("Options", bound=BaseModel)


def read_options(kind: type[Options], name: str, given: Mapping[str, Any]) -> Options:
    """The options of a target.

    Raises:
        Invalid: code `target_options_invalid`; the message names each setting that is wrong.
    """
    try:
        return kind.model_validate(given)
    except ValidationError as exc:
        wrong = "; ".join(each.sentence for each in findings(exc))
        raise invalid_options(name, wrong) from exc


def invalid_options(name: str, wrong: str) -> Invalid:
    """The error of a target whose options cannot work."""
    return Invalid(
        f"MODELYARD_TARGETS: the target '{name}': {wrong}", code="target_options_invalid", field=f"targets.{name}"
    )
