"""The catalogue of events is complete: every action that any module records stands in it, read from the sources."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import modelyard
from modelyard.webhooks.catalogue import EVENT_TYPES

ACTION = re.compile(r"[a-z]+\.(?:[a-z_]+|\*)")
SOURCES = Path(modelyard.__file__).parent
GUIDE = Path(__file__).parents[4] / "docs" / "how-to" / "hear-of-events.md"
NOUNS = {action.partition(".")[0] for action in EVENT_TYPES} | {"artifact", "experiment", "image", "mirror", "run"}
FILES = {"json", "key", "onnx", "pkl", "pt", "py", "tar", "zip"}
FOLDERS = {"api": "gateway", "version": "registry", "request": "promotion"}
"""Where a noun's states are, when the folder is not its plural."""
STATELESS = {"release", "traffic"}
"""Nouns without states: what is put together of one and a variable names a field."""


def states(noun: str) -> set[str]:
    """The states into which a noun can move."""
    if noun in STATELESS:
        return set()
    module = importlib.import_module(f"modelyard.{FOLDERS.get(noun, noun + 's')}.states")
    return {str(state) for following in module.TRANSITIONS.values() for state in following}


def words(tree: ast.AST) -> Iterator[str]:
    """Every text that looks like an action: whole, or the noun of what is put together of a noun and a state."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
                yield f"{text}*"


def recorded() -> set[str]:
    found: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        if path.name == "catalogue.py":
            continue
        for word in words(ast.parse(path.read_text())):
            noun, _, state = word.partition(".")
            if noun not in NOUNS or state in FILES or not ACTION.fullmatch(word):
                continue
            found |= {f"{noun}.{each}" for each in states(noun)} if state == "*" else {word}
    return found


class TestCatalogue:
    def test_it_holds_every_action_that_is_recorded(self) -> None:
        found = recorded()
        assert {"version.registered", "job.failed", "deployment.ready", "request.expired", "token.revoked"} <= found
        assert found - EVENT_TYPES.keys() == set()

    def test_the_guide_lists_it(self) -> None:
        rows = {line for line in GUIDE.read_text().splitlines() if line.startswith("| `")}
        assert rows == {f"| `{name}` | {said} |" for name, said in EVENT_TYPES.items()}
