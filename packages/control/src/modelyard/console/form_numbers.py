"""Numbers that people write into forms. Pure."""

import math

from modelyard.errors import Invalid

_MOST_DIGITS = 9


def whole_number(name: str, text: str) -> int:
    """A number without a sign or a fraction.

    Raises:
        Invalid: code `form_invalid`.
    """
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise Invalid(f"{name}: expected a whole number, got {text[:40]!r}", code="form_invalid", field=name)
    return int(text)


def decimal(name: str, text: str) -> float:
    """A number. Raises as `whole_number` does."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Invalid(f"{name}: expected a number, got {text[:40]!r}", code="form_invalid", field=name)
    return value
