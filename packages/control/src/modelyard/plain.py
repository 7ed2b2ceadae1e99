"""Brings values that the world outside made into a form that every database and every reader of JSON takes."""

import math
from collections.abc import Mapping
from typing import Any

_UNSHOWN = "\N{REPLACEMENT CHARACTER}"


def plain_text(text: str) -> str:
    """The text without NUL and halves of surrogate pairs, which PostgreSQL and UTF-8 refuse; each becomes U+FFFD."""
    return text.replace("\x00", _UNSHOWN).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def plain_json(value: Any) -> Any:
    """The JSON value with plain texts, and null for NaN and the infinities, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, Mapping):
        return {plain_text(str(key)): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    return value
