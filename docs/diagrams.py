"""Draws the life cycles in the documentation from the TRANSITIONS tables in the code, which are the truth.

`python docs/diagrams.py` rewrites the diagrams; `--check` only says whether they are current.
"""

import importlib.util
import pkgutil
import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import modelyard

PAGE = Path(__file__).parent / "architecture" / "02-life-cycles.md"

State = TypeVar("State", bound=StrEnum)


def draw(table: Mapping[State, frozenset[State]]) -> str:
    """A Mermaid state diagram. A life begins at the first state of the table, and ends where nothing follows."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", f"    [*] --> {next(iter(table))}"]
    for state, following in table.items():
        lines += [f"    {state} --> {successor}" for successor in type(state) if successor in following]
        if not following:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"])


def tables() -> dict[str, Mapping[Any, frozenset[Any]]]:
    """The table of each noun that has a life, by the noun's name."""
    nouns = [noun.name for noun in pkgutil.iter_modules(modelyard.__path__) if noun.ispkg]
    found = [noun for noun in nouns if importlib.util.find_spec(f"modelyard.{noun}.states")]
    states = {noun: importlib.import_module(f"modelyard.{noun}.states") for noun in found}
    replacements = {"replacements": states["deployments"].REPLACEMENT_TRANSITIONS}
    return {noun: module.TRANSITIONS for noun, module in states.items()} | replacements


def redraw(page: str) -> str:
    """The page with every diagram between its marks drawn anew."""
    found = tables()

    def diagram(match: re.Match[str]) -> str:
        return f"{match['begin']}\n{draw(found[match['noun']])}\n{match['end']}"

    marks = r"(?P<begin><!-- life cycle: (?P<noun>\w+) -->)\n.*?(?P<end><!-- end -->)"
    return re.sub(marks, diagram, page, flags=re.DOTALL)


def main() -> int:
    """Rewrite the page, or with `--check` compare it. Gives the exit code."""
    page = PAGE.read_text()
    drawn = redraw(page)
    if sys.argv[1:] == ["--check"]:
        if page != drawn:
            print(f"{PAGE} is not what the tables say; run `make diagrams`", file=sys.stderr)
        return int(page != drawn)
    PAGE.write_text(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
