"""JSON of an answer, read by name and type. A field that is missing counts as null; fields that we do not know are
left alone, so that an older client reads a newer server."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from modelyard_client.errors import UnexpectedAnswer

_T = TypeVar("_T")


class Fields:
    """One JSON object.

    Args:
        value: the parsed JSON.
        noun: what it should be, for the error's sentence, for example `job`.

    Raises:
        UnexpectedAnswer: from each method, when the value is of another type than asked for.
    """

    def __init__(self, value: object, *, noun: str) -> None:
        self._noun = noun
        if not isinstance(value, dict):
            raise UnexpectedAnswer(
                f"expected a {noun} as a JSON object, got {type(value).__name__}", code="answer_invalid", field=noun
            )
        self._values: dict[str, Any] = value

    def text(self, name: str) -> str:
        """A string."""
        return self._required(name, self.optional_text(name), "a string")

    def optional_text(self, name: str) -> str | None:
        """A string or null."""
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self._unexpected(name, "a string")

    def integer(self, name: str) -> int:
        """A whole number."""
        return self._required(name, self.optional_integer(name), "a whole number")

    def optional_integer(self, name: str) -> int | None:
        """A whole number or null."""
        value = self._values.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self._unexpected(name, "a whole number")

    def optional_numeral(self, name: str) -> int | None:
        """A whole number as text, or null."""
        text = self.optional_text(name)
        if text is None or (text.isascii() and text.isdecimal()):
            return None if text is None else int(text)
        raise self._unexpected(name, "a whole number as text")

    def boolean(self, name: str) -> bool:
        """True or false."""
        value = self._values.get(name)
        if isinstance(value, bool):
            return value
        raise self._unexpected(name, "true or false")

    def optional_number(self, name: str) -> float | None:
        """A number or null."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise self._unexpected(name, "a number")

    def optional_time(self, name: str) -> datetime | None:
        """An ISO 8601 time with a zone, or null."""
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:
            raise self._unexpected(name, "an ISO 8601 time") from error

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object; null is an empty one."""
        return self.optional_mapping(name) or {}

    def optional_mapping(self, name: str) -> Mapping[str, Any] | None:
        """An object or null."""
        value = self._values.get(name)
        if value is None or isinstance(value, dict):
            return value
        raise self._unexpected(name, "an object")

    def value(self, name: str) -> Any:
        """Anything."""
        return self._values.get(name)

    def items(self, name: str) -> list[Any]:
        """A list; null is an empty one."""
        value = self._values.get(name)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        raise self._unexpected(name, "a list")

    def _required(self, name: str, value: _T | None, expected: str) -> _T:
        if value is None:
            raise self._unexpected(name, expected)
        return value

    def _unexpected(self, name: str, expected: str) -> UnexpectedAnswer:
        came = type(self._values.get(name)).__name__ if self._values.get(name) is not None else "nothing"
        return UnexpectedAnswer(
            f"expected {expected} as the {self._noun}'s {name}, got {came}", code="answer_invalid", field=name
        )
