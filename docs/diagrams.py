"""Draws what the documentation shows of the code: life cycles from their tables, and the nouns from their imports.

`python docs/diagrams.py` rewrites the diagrams; `--check` only says whether they are current.
"""

import importlib.util
import pkgutil
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import grimp

import modelyard
from generated import write_or_check

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture" / "02-life-cycles.md"
NOUNS_PAGE = ROOT / "docs" / "architecture" / "11-nouns.md"

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


def contract() -> Mapping[str, Any]:
    """What the import contract says of nouns: what is public, and what is none."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts: list[Mapping[str, Any]] = configuration["tool"]["importlinter"]["contracts"]
    return next(one for one in contracts if one["type"] == "public_modules")


def imports_of_nouns(contract: Mapping[str, Any]) -> dict[str, set[str]]:
    """Which nouns each noun imports, as the code is now."""
    left_out = {*contract["open_packages"], *contract["assemblers"]}
    graph = grimp.build_graph("modelyard", cache_dir=None)
    nouns = {noun: noun.split(".")[1] for noun in graph.find_children("modelyard") if graph.find_children(noun)}
    nouns = {package: noun for package, noun in nouns.items() if noun not in left_out}
    return {
        noun: {
            other
            for target, other in nouns.items()
            if other != noun and graph.direct_import_exists(importer=package, imported=target, as_packages=True)
        }
        for package, noun in sorted(nouns.items(), key=lambda item: item[1])
    }


def reduced(imports: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """The arrows that do not follow from others."""

    def reached(noun: str) -> set[str]:
        return {far for near in imports[noun] for far in ({near} | reached(near))}

    for noun, others in imports.items():
        further = {far for near in others for far in reached(near)}
        yield from ((noun, other) for other in sorted(others - further))


def draw_nouns(contract: Mapping[str, Any]) -> str:
    """A Mermaid flowchart."""
    arrows = [f"    {noun} --> {other}" for noun, other in reduced(imports_of_nouns(contract))]
    return "\n".join(["```mermaid", "flowchart TD", *arrows, "```"])


def list_public(contract: Mapping[str, Any]) -> str:
    """A table: what is public of a noun besides what is public of all."""
    modules: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(contract["also_public"]):
        noun, module = name.split(".")
        modules[noun].append(f"`{module}`")
    rows = [f"| {noun} | {', '.join(public)} |" for noun, public in modules.items()]
    return "\n".join(["| noun | modules |", "|---|---|", *rows])


def redraw_nouns(page: str) -> str:
    """The page of the nouns with what is generated in it made anew."""
    found = contract()
    for mark, content in {"public": list_public(found), "nouns": draw_nouns(found)}.items():
        begin, end = f"<!-- {mark} -->", "<!-- end -->"
        page = re.sub(rf"{begin}\n.*?{end}", f"{begin}\n{content}\n{end}", page, count=1, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    redrawn = {PAGE: redraw(PAGE.read_text()), NOUNS_PAGE: redraw_nouns(NOUNS_PAGE.read_text())}
    sys.exit(write_or_check(redrawn, command="diagrams"))
