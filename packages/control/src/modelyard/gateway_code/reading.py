"""Files of YAML, or of JSON, as lists of objects with the lines on which they stand.

An object is made of text, numbers, truth values, lists and mappings, and of nothing else: no alias, no tag, no date.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelyard.gateway_code.domain import Item, Place, Problem

_MOST_LEVELS = 50
"""An object has five. The parser takes quadratic time over levels: a file of brackets alone would take it hours."""
_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null"))


class _Loader(yaml.SafeLoader):
    """Without dates: what looks like one is text, as in JSON."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag in _TAGS]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that somebody sent."""

    name: str
    """As messages name it; nothing is opened by it."""
    content: str


@dataclass(slots=True)
class Read:
    """What was read, and what could not be."""

    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_files(files: Sequence[SourceFile], kinds: Sequence[str]) -> Read:
    """The objects of all files, in their order.

    Args:
        files: what was sent.
        kinds: the lists that a file may have.
    """
    read = Read()
    for file in files:
        try:
            for document in _documents(file):
                _read_document(file, document, kinds, read)
        except yaml.MarkedYAMLError as exc:
            line = 1 if exc.problem_mark is None else exc.problem_mark.line + 1
            read.problems.append(Problem(Place(file.name, line), "", f"expected YAML: {exc.problem}"))
        except yaml.YAMLError as exc:  # A character that YAML does not have.
            read.problems.append(Problem(Place(file.name, 1), "", f"expected YAML: {' '.join(str(exc).split())}"))
    return read


def _documents(file: SourceFile) -> Iterator[yaml.Node]:
    """Its documents. Deep nests are refused first, and aliases, as a short file of them can stand for a huge one."""
    level = 0
    for event in yaml.parse(file.content, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _refused("an alias is not taken here", event)
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > _MOST_LEVELS:
            raise _refused(f"it is nested deeper than {_MOST_LEVELS} levels", event)
    for node in yaml.compose_all(file.content, Loader=_Loader):
        _check(node)
        yield node


def _check(node: yaml.Node) -> None:
    if node.tag not in _TAGS:
        raise _refused(f"the tag {node.tag} is not taken here", node)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _refused("a name must be text", key)
            if key.value in seen:
                raise _refused(f"'{key.value}' stands twice", key)
            seen.add(key.value)
            _check(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _check(each)


def _refused(problem: str, at: Any) -> yaml.MarkedYAMLError:
    """At a node or an event, which both know where they are."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


def _read_document(file: SourceFile, document: yaml.Node, kinds: Sequence[str], read: Read) -> None:
    if document.tag.endswith(":null"):
        return
    known = ", ".join(kinds)
    if not isinstance(document, yaml.MappingNode):
        read.problems.append(Problem(_place(file, document), "", f"expected lists by name: {known}"))
        return
    for key, value in document.value:
        if key.value not in kinds:
            read.problems.append(Problem(_place(file, key), key.value, f"expected one of {known}"))
        elif not isinstance(value, yaml.SequenceNode):
            read.problems.append(Problem(_place(file, key), key.value, "expected a list"))
        else:
            read.items += (_item(file, key.value, each) for each in value.value)


def _item(file: SourceFile, kind: str, node: yaml.Node) -> Item:
    constructor = _Loader("")
    try:
        content = constructor.construct_document(node)
    finally:
        constructor.dispose()
    return Item(kind, content, _place(file, node), dict(_lines(node, "")))


def _lines(node: yaml.Node, above: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield f"{above}{key.value}", key.start_mark.line + 1
            yield from _lines(value, f"{above}{key.value}.")
    elif isinstance(node, yaml.SequenceNode):
        for index, each in enumerate(node.value):
            yield f"{above}{index}", each.start_mark.line + 1
            yield from _lines(each, f"{above}{index}.")


def _place(file: SourceFile, node: yaml.Node) -> Place:
    return Place(file.name, node.start_mark.line + 1)
