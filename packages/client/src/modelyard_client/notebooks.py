"""Notebooks as text: what of one is run, what it says that it needs, and which parameters it takes. Pure.

A notebook is kept and sent without its outputs, in one spelling: the same code has the same digest, whoever ran it.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard_client.errors import Invalid

SUFFIX = ".ipynb"
MAX_NOTEBOOK_BYTES = 16 * 1024 * 1024
"""Of a notebook as it comes, with its outputs."""
PARAMETERS_TAG = "parameters"
_MOST_CELLS = 5_000
_KINDS = frozenset({"code", "markdown", "raw"})
_VOLATILE = frozenset({"execution", "ExecuteTime", "collapsed", "scrolled"})
"""Metadata of a cell that says how it was last run or shown."""
_COMMANDS = ("%", "!", "?")
"""What lines begin with that IPython reads and Python does not."""


def is_notebook(name: str) -> bool:
    """Whether a file of this name is a notebook."""
    return name.lower().endswith(SUFFIX)


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook without outputs, in nbformat 4."""

    name: str
    document: Mapping[str, Any]

    @classmethod
    def parse(cls, name: str, text: str) -> "Notebook":
        """Read a notebook's file.

        Raises:
            Invalid: code `notebook_invalid`; the message says what is not as nbformat has it, and in which cell.
        """
        if (size := len(text.encode(errors="surrogatepass"))) > MAX_NOTEBOOK_BYTES:
            raise _invalid(name, f"expected at most {MAX_NOTEBOOK_BYTES} bytes, got {size}: clear its outputs")
        document = _mapping(name, "the notebook", _loaded(name, text))
        _check_format(name, document)
        cells = document.get("cells")
        if not isinstance(cells, list) or not 0 < len(cells) <= _MOST_CELLS:
            raise _invalid(name, f"expected 1 to {_MOST_CELLS} cells")
        metadata = _mapping(name, "metadata", document.get("metadata", {}))
        _check_language(name, metadata)
        kept = {key: value for key, value in metadata.items() if key != "widgets"}
        read = [_cell(name, number, cell) for number, cell in enumerate(cells, start=1)]
        notebook = cls(name, {**document, "metadata": kept, "cells": read})
        notebook._refuse_what_has_no_text()
        return notebook

    @property
    def text(self) -> str:
        """The notebook as nbformat writes it."""
        return json.dumps(self.document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    @property
    def code(self) -> str:
        """The text of all code cells, one after the other."""
        return "\n\n".join(cell["source"] for cell in self._code_cells()) + "\n"

    @property
    def parameter_names(self) -> frozenset[str] | None:
        """What the first cell that is tagged `parameters` assigns; None where no cell is tagged.

        Raises:
            Invalid: code `notebook_invalid`: the cell is not Python.
        """
        source = next((cell["source"] for cell in self._code_cells() if has_tag(cell, PARAMETERS_TAG)), None)
        if source is None:
            return None
        lines = ("" if line.lstrip().startswith(_COMMANDS) else line for line in source.splitlines())
        try:
            module = ast.parse("\n".join(lines))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise _invalid(self.name, f"the cell that is tagged `{PARAMETERS_TAG}` is not Python: {error}") from error
        return frozenset(name for statement in module.body for name in _assigned(statement))

    def _code_cells(self) -> Iterator[Mapping[str, Any]]:
        return (cell for cell in self.document["cells"] if cell["cell_type"] == "code")

    def _refuse_what_has_no_text(self) -> None:
        if not self.code.strip():
            raise _invalid(self.name, "expected a code cell that is not empty")
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            raise _invalid(self.name, "expected text that UTF-8 can hold") from error


def has_tag(cell: Mapping[str, Any], tag: str) -> bool:
    """Whether the cell has this tag."""
    tags = cell["metadata"].get("tags")
    return isinstance(tags, list) and tag in tags


def _loaded(name: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise _invalid(name, "expected JSON that is not nested so deeply") from error
    except ValueError as error:
        raise _invalid(name, f"expected JSON: {error}") from error


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is none")


def _check_format(name: str, document: Mapping[str, Any]) -> None:
    major, minor = document.get("nbformat"), document.get("nbformat_minor", 0)
    if major != 4 or not isinstance(minor, int):
        raise _invalid(
            name,
            f"expected a notebook with `nbformat` 4, got {str(major)[:20]}: "
            "`jupyter nbconvert --to notebook --nbformat 4 --inplace` converts older ones",
        )


def _check_language(name: str, metadata: Mapping[str, Any]) -> None:
    for key, of_it in (("language_info", "name"), ("kernelspec", "language")):
        value = _mapping(name, f"metadata.{key}", metadata.get(key, {})).get(of_it, "python")
        if str(value).lower() not in {"python", "ipython"}:
            raise _invalid(name, f"expected a notebook in Python, got {str(value)[:40]!r} in metadata.{key}.{of_it}")


def _cell(name: str, number: int, cell: Any) -> dict[str, Any]:
    """A cell without what its last run left."""
    place = f"cell {number}"
    content = _mapping(name, place, cell)
    kind = content.get("cell_type")
    if kind not in _KINDS:
        raise _invalid(name, f"{place}: expected a cell_type of code, markdown or raw, got {str(kind)[:40]!r}")
    metadata = _mapping(name, f"{place}.metadata", content.get("metadata", {}))
    kept = {key: value for key, value in metadata.items() if key not in _VOLATILE}
    read = {"cell_type": kind, "metadata": kept, "source": _source(name, place, content.get("source"))}
    if isinstance(content.get("id"), str):
        read["id"] = content["id"]
    if kind == "code":
        return {**read, "execution_count": None, "outputs": []}
    attachments = content.get("attachments")
    return {**read, "attachments": attachments} if isinstance(attachments, dict) else read


def _source(name: str, place: str, source: Any) -> str:
    if isinstance(source, str):
        return source
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    raise _invalid(name, f"{place}: expected a source that is a text or a list of lines")


def _mapping(name: str, place: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(name, f"{place}: expected an object, got {type(value).__name__}")
    return value


def _assigned(statement: ast.stmt) -> Iterator[str]:
    """The names that one statement of a module assigns."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    else:
        return
    for target in targets:
        elements = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        yield from (element.id for element in elements if isinstance(element, ast.Name))


def _invalid(name: str, said: str) -> Invalid:
    return Invalid(f"{name[:80]}: {said}", code="notebook_invalid", field="script_content")
