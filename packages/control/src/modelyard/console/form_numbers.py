"""Numbers that people write into forms. Pure."""

import math
from collections.abc import Mapping

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


def given_whole(form: Mapping[str, str], name: str) -> int | None:
    """A whole number that may be left out. Raises as `whole_number` does."""
    return whole_number(name, form[name]) if form.get(name, "").strip() else None


def given_decimal(form: Mapping[str, str], name: str) -> float | None:
    """A number that may be left out. Raises as `whole_number` does."""
    return decimal(name, form[name]) if form.get(name, "").strip() else None
