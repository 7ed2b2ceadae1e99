"""Notebooks of jobs: read, given parameters as papermill gives them, and made ready to be run. Pure."""

import json
import keyword
import math
from collections.abc import Mapping
from typing import Any

from modelyard.errors import Invalid
from modelyard_client.errors import Invalid as ClientInvalid
from modelyard_client.notebooks import PARAMETERS_TAG, Notebook, has_tag

KERNEL_REQUIREMENT = "ipykernel"
"""What the environment of a notebook needs besides what the notebook says."""
DRIVER_REQUIREMENTS = ("nbclient==0.11.0", "nbformat==5.11.1", "jupyter-client==8.10.0")
"""What the environment has from which notebooks are driven."""
INJECTED_TAG = "injected-parameters"
_OLDEST_DRIVER = (3, 11)
_MOST = 100
_MOST_BYTES = 32 * 1024
_DEEPEST = 20


def read_notebook(name: str, text: str) -> Notebook:
    """The notebook of a text.

    Raises:
        Invalid: code `notebook_invalid`.
    """
    try:
        return Notebook.parse(name, text)
    except ClientInvalid as refused:
        raise Invalid(refused.message, code=refused.code, field=refused.field) from refused


def driver_python(python: str | None) -> str:
    """Which Python drives a notebook: the kernel's own, as a container has no other, unless that is too old."""
    if python is None or tuple(int(part) for part in python.split(".")[:2]) < _OLDEST_DRIVER:
        return ""
    return f"=={python}" if python.count(".") > 1 else f"=={python}.*"


def check_parameters(notebook: Notebook, given: Mapping[str, Any]) -> None:
    """Values for what the notebook's cell that is tagged `parameters` assigns.

    Raises:
        Invalid: code `parameters_invalid`; or `notebook_invalid`, when that cell is not Python.
    """
    if not given:
        return
    try:
        known = notebook.parameter_names
    except ClientInvalid as refused:
        raise Invalid(refused.message, code=refused.code, field=refused.field) from refused
    if known is None:
        raise _invalid(None, f"expected none: the notebook has no cell that is tagged `{PARAMETERS_TAG}`")
    for name, value in given.items():
        if name not in known or keyword.iskeyword(name):
            there = ", ".join(sorted(known)) or "nothing"
            raise _invalid(name, f"expected a name that the cell tagged `{PARAMETERS_TAG}` assigns ({there})")
        if not _is_json(value):
            raise _invalid(name, f"expected a value of JSON, finite and at most {_DEEPEST} levels deep")
    size = len(json.dumps(dict(given)))
    if len(given) > _MOST or size > _MOST_BYTES:
        raise _invalid(None, f"expected at most {_MOST} of at most {_MOST_BYTES} bytes, got {len(given)} of {size}")


def refuse_parameters(given: Mapping[str, Any]) -> None:
    """What a script gets are arguments.

    Raises:
        Invalid: code `parameters_invalid`.
    """
    if given:
        raise _invalid(None, "expected none for a script: a notebook takes parameters, a script takes arguments")


def prepared(notebook: Notebook, parameters: Mapping[str, Any]) -> str:
    """The notebook that is run: with a cell that assigns the parameters, right behind the one that is tagged."""
    if not parameters:
        return notebook.text
    cells = [cell for cell in notebook.document["cells"] if not has_tag(cell, INJECTED_TAG)]
    at = next(
        index for index, cell in enumerate(cells) if cell["cell_type"] == "code" and has_tag(cell, PARAMETERS_TAG)
    )
    cells.insert(at + 1, _injected(notebook, parameters))
    return Notebook(notebook.name, {**notebook.document, "cells": cells}).text


def _injected(notebook: Notebook, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The values are those of JSON, whose Python literals are what `repr` gives."""
    lines = ["# Parameters", *(f"{name} = {value!r}" for name, value in parameters.items())]
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": [INJECTED_TAG]},
        "outputs": [],
        "source": "\n".join(lines),
    }
    has_ids = notebook.document.get("nbformat_minor", 0) >= 5
    return {**cell, "id": INJECTED_TAG} if has_ids else cell


def _is_json(value: Any, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(each, depth + 1) for key, each in value.items())
    if isinstance(value, list):
        return all(_is_json(each, depth + 1) for each in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" or character == "\0" for character in value)
    return value is None or isinstance(value, int)


def _invalid(name: str | None, said: str) -> Invalid:
    field = "parameters" if name is None else f"parameters.{name[:80]}"
    return Invalid(f"{field}: {said}", code="parameters_invalid", field=field)
