"""What every request's body is: nothing in it is unknown, of another type than it should be, or unstorable."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from modelyard.errors import Invalid
from modelyard.plain import plain_text


class RequestBody(BaseModel):
    """A request: an unknown field is an error and never ignored (law 11)."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_cannot_be_stored(cls, body: Any) -> Any:
        for field, text in _texts(body, ()):
            if plain_text(text) != text:
                where = ".".join(field) or "body"
                said = "expected text without NUL characters and halves of surrogate pairs"
                raise Invalid(f"{where}: {said}", code="request_invalid", field=where)
        return body


def _texts(value: Any, field: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield field, str(key)
            yield from _texts(item, (*field, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*field, str(index)))
