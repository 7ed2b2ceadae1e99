"""Python values to the JSON of `/predict`: a value that JSON cannot represent is an error or null, never another
value."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from modelyard_client.errors import Invalid

_MISSING = frozenset({"NAType", "NaTType"})
"""Types by which pandas says that a value is missing; pandas itself is not imported."""


def body(request: Mapping[str, Any]) -> bytes:
    """The body of a request. NaN, None, `pandas.NA` and `NaT` in it are null.

    Raises:
        Invalid: an infinite number, or a value of a type that has no JSON form.
    """
    try:
        return _dump(request)
    except ValueError:  # JSON has no NaN: only now is it worth to look at each value.
        return _dump(without_nan(request))


def without_nan(value: object) -> Any:
    """The same with null for each NaN; other sequences become lists.

    Raises:
        Invalid: an infinite number.
    """
    if isinstance(value, float):
        if math.isinf(value):
            raise Invalid("an infinite number has no JSON form", code="value_invalid", field="inputs")
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [without_nan(item) for item in value]
    if hasattr(value, "tolist"):
        return without_nan(value.tolist())
    return value


def _dump(value: object) -> bytes:
    return json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if type(value).__name__ in _MISSING:
        return None
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise Invalid(
        f"a value of type {type(value).__name__} has no JSON form: {value!r}", code="value_invalid", field="inputs"
    )
