"""Forms of pages, as browsers send them without JavaScript."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from modelyard.errors import Invalid

_MOST_FIELDS = 200
_TYPE = "application/x-www-form-urlencoded"

Fields = Mapping[str, str]


async def _fields(request: Request) -> Fields:
    """The fields of a form, by name; the last of those of one name.

    Raises:
        Invalid: code `form_invalid`.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise Invalid(f"Content-Type: expected {_TYPE}", code="form_invalid", field="Content-Type")
    try:
        text = (await request.body()).decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as exc:
        raise Invalid("form: expected fields of a form in UTF-8", code="form_invalid", field="form") from exc
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


Form = Annotated[Fields, Depends(_fields)]
"""What was filled in."""
