"""What pydantic finds wrong in a document, in the words of our errors: the field, what was expected, what came."""

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

_WORDS = (
    (re.compile(r"Value error, (.+)", re.DOTALL), r"\1"),  # Of a validator of ours, in our words.
    (re.compile(r"Field required"), "expected a value, got none"),
    (re.compile(r"Extra inputs are not permitted"), "expected no such field"),
    (re.compile(r"Input should be (.+)", re.DOTALL), r"expected \1"),
    (re.compile(r"String should match pattern (.+)", re.DOTALL), r"expected text that matches \1"),
    (re.compile(r"String should have (.+)"), r"expected text of \1"),
    (re.compile(r"\w+ should have (.+?)(?: after validation)?(, not .+)?"), r"expected \1\2"),
)
_LONGEST = 160
_LONGEST_WORD = 80


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    place: tuple[str | int, ...]
    """Where; empty for a rule of several fields, whose sentence names them."""
    said: str
    """`expected a valid integer`."""
    got: str | None
    """The beginning of what came; None where nothing did. It may be a secret."""

    @property
    def field(self) -> str:
        """The place, dotted."""
        return ".".join(map(str, self.place))

    @property
    def sentence(self) -> str:
        """Without what came: `limits.rate.calls: expected a valid integer`."""
        return f"{self.field}: {self.said}" if self.place else self.said


def findings(exc: ValidationError) -> list[Finding]:
    """All that is wrong."""
    return [finding_of(error) for error in exc.errors(include_url=False)]


def finding_of(error: Mapping[str, Any]) -> Finding:
    """One of `ValidationError.errors()`."""
    got = None if error["type"] == "missing" else _shown(error.get("input"))
    return Finding(tuple(error["loc"]), _in_our_words(error["msg"]), got)


def _in_our_words(message: str) -> str:
    for pattern, words in _WORDS:
        found = pattern.fullmatch(message)
        if found is not None:
            return found.expand(words)
    return message[:1].lower() + message[1:]


def _shown(value: Any) -> str:
    """Its beginning; a caller may send anything, of any size and depth."""
    shortened = reprlib.Repr()
    shortened.maxlevel, shortened.maxstring, shortened.maxother = 2, _LONGEST_WORD, _LONGEST_WORD
    text = shortened.repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
