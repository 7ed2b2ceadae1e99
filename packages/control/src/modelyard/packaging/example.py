"""Turns the input example that MLflow keeps beside a model into a request of `/predict`.

MLflow writes an example twice: as it was given (an array as bare lists, a sparse matrix as its parts), and as the
request that its own server would take. The second has one form for every kind of example, so it comes first. Models
that an older MLflow logged have the first alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.plain import plain_json
from modelyard.registry.mlmodel import read_mlmodel

_SERVING, _GIVEN = "serving_input_path", "artifact_path"
_SPARSE = "sparse_matrix"
_MISSING = object()
"""No file, or none that is JSON: `null` is JSON."""


def example_of(folder: Path) -> dict[str, Any] | None:
    """`{"inputs": …}` as columns or as nested lists; None when the model has no example that says it in JSON."""
    info = read_mlmodel(folder).get("saved_input_example_info")
    if not isinstance(info, dict):
        return None
    request = _request(_named(folder, info, _SERVING))
    if request is None and not str(info.get("type", "")).startswith(_SPARSE):
        request = _request(_as_request(_named(folder, info, _GIVEN)))
    return request


def example_in(content: bytes, *, as_given: bool) -> dict[str, Any] | None:
    """A request of `/predict` from an example's file, as MLflow wrote it for a server or, `as_given`, as it came."""
    try:
        read = plain_json(json.loads(content))
    except (ValueError, RecursionError):
        return None
    return _request(_as_request(read) if as_given else read)


def read_request(path: Path) -> dict[str, Any] | None:
    """A request of `/predict` that is there as such; None when the file is none."""
    content = _MISSING if path.is_symlink() or not path.is_file() else _json(path)
    return content if isinstance(content, dict) and "inputs" in content else None


def _named(folder: Path, info: Mapping[str, Any], key: str) -> Any:
    """What the file holds that `MLmodel` names: it may name none outside of the model."""
    path = folder / str(info.get(key, ""))
    if not path.is_file() or path.suffix != ".json" or not path.resolve().is_relative_to(folder.resolve()):
        return _MISSING
    return _json(path)


def _json(path: Path) -> Any:
    try:
        return plain_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError):
        return _MISSING


def _as_request(given: Any) -> Any:
    """What an older MLflow wrote of a frame (`columns` and `data`) or an array (bare, or as `inputs`), as a request."""
    if isinstance(given, dict) and isinstance(given.get("data"), list):
        return {"dataframe_split": given}
    return given if isinstance(given, dict) and "inputs" in given else {"inputs": given}


def _request(content: Any) -> dict[str, Any] | None:
    if not isinstance(content, dict):
        return None
    if isinstance(split := content.get("dataframe_split"), dict):
        inputs = _columns(split.get("columns"), split.get("data"))
    else:
        inputs = content.get("inputs")
        if isinstance(inputs, str | int | float):  # One value by itself: a text, for instance.
            inputs = [inputs]
    return {"inputs": inputs} if isinstance(inputs, dict | list) and inputs else None


def _columns(names: Any, rows: Any) -> Any:
    """A frame's columns by name; its rows, where it names none, as a frame of an array does."""
    if names is None or not isinstance(rows, list):
        return rows
    if not isinstance(names, list) or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return {str(name): [row[index] for row in rows] for index, name in enumerate(names)}
