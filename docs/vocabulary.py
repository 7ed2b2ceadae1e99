"""Checks that names and prose use the field's terms: no word of `WORDS` or `NAMES` stands in a Python or Markdown file.

`python docs/vocabulary.py` prints each place with the term to use instead, and exits with 1 if there is any. The terms
are in `docs/glossary.md`.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = ("benchmarks", "docs", "examples", "packages", "tests", "conftest.py", "README.md", "CONTRIBUTING.md")
EXEMPT = (
    "docs/vocabulary.py",
    "docs/decisions/",
    "packages/control/src/modelyard/db/migrations/",
    "packages/control/tests/db/test_upgrade.py",
)
"""This list itself, and what is not edited once it is accepted: decisions, migrations and what tests them."""

WORDS: Mapping[str, str] = {
    "burial": "deletion",
    "buried": "deleted",
    "company": "concurrency, a batch",
    "courier": "WebhookDispatcher",
    "doorman": "NotReadyResponder",
    "doormen": "NotReadyResponders",
    "hindrance": "DeletionBlocker",
    "hindrances": "DeletionBlockers",
    "likeness": "batch_key",
    "patiently": "with retries",
    "told": "reported, sent, returned; describe_value",
    "witness": "observer",
    "witnesses": "observers",
    "wish": "a requested value, an ignored field",
}
"""Banned everywhere, as a whole word or as a part of a snake_case or CamelCase name, with the term to use instead."""

NAMES: Mapping[str, str] = {
    "at_once": "fast path",
    "hold_for_burial": "lock_for_deletion",
    "is_strange": "belongs_to_other_tenant",
    "is_wanted": "desired_state",
    "staying_within": "get_not_deleting",
}
"""Banned as names; as words they are English."""

CITATIONS: Mapping[str, str] = {
    r"design\.md": "docs/laws.md or docs/architecture/02-life-cycles.md",
    r"contract section": "docs/openapi.json",
    r"style\.md": "CONTRIBUTING.md",
}
"""Documents that are not part of this project."""


def main() -> int:
    """Print what was found. Gives the exit code."""
    found = [line for path in _files() for line in check(path.read_text(), str(path.relative_to(ROOT)))]
    for line in found:
        print(line)
    return int(bool(found))


def check(text: str, path: str) -> Iterator[str]:
    """One line for each place in a file's text."""
    for match in _PATTERN.finditer(text):
        number = text.count("\n", 0, match.start()) + 1
        yield f"{path}:{number}: {match[0]!r}; use: {_term(match[0])}"


def _files() -> Iterator[Path]:
    for place in PLACES:
        paths = [ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*.*"))
        for path in paths:
            is_exempt = str(path.relative_to(ROOT)).startswith(EXEMPT) or "_pb2" in path.name
            if path.suffix in {".md", ".py"} and not is_exempt:
                yield path


def _term(found: str) -> str:
    for pattern, term in CITATIONS.items():
        if re.fullmatch(pattern, found, re.IGNORECASE):
            return term
    return WORDS.get(found.lower()) or NAMES[found.removeprefix("_")]


def _pattern() -> re.Pattern[str]:
    words = "|".join(WORDS)
    capitalized = "|".join(word.capitalize() for word in WORDS)
    return re.compile(
        rf"(?<![A-Za-z])(?i:{words})(?![A-Za-z])|(?<=[a-z])(?:{capitalized})(?![a-z])"
        rf"|(?<![A-Za-z_])_?(?:{'|'.join(NAMES)})(?![A-Za-z_])|{'|'.join(CITATIONS)}"
    )


_PATTERN = _pattern()

if __name__ == "__main__":
    sys.exit(main())
