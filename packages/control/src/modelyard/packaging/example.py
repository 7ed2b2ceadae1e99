"""Turns the input example that MLflow keeps beside a model into a request of `/predict`."""

import json
from pathlib import Path
from typing import Any

from modelyard.plain import plain_json
from modelyard.registry.mlmodel import read_mlmodel


def example_of(folder: Path) -> dict[str, Any] | None:
    """`{"inputs": …}` as columns or as nested lists; None when the model has no example that says it in JSON."""
    info = read_mlmodel(folder).get("saved_input_example_info")
    if not isinstance(info, dict):
        return None
    path = folder / str(info.get("artifact_path", ""))
    if not path.is_file() or path.suffix != ".json" or not path.resolve().is_relative_to(folder.resolve()):
        return None
    content = _object(path)
    return None if content is None else _request(content)


def read_request(path: Path) -> dict[str, Any] | None:
    """A request of `/predict` that is there as such; None when the file is none."""
    content = None if path.is_symlink() or not path.is_file() else _object(path)
    return content if content is not None and "inputs" in content else None


def _object(path: Path) -> dict[str, Any] | None:
    try:
        content = plain_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _request(content: dict[str, Any]) -> dict[str, Any] | None:
    columns, data = content.get("columns"), content.get("data")
    if isinstance(columns, list) and isinstance(data, list):
        return _columns(columns, data)
    if isinstance(data, list):
        return {"inputs": data}
    return {"inputs": content["inputs"]} if "inputs" in content else None


def _columns(names: list[Any], rows: list[Any]) -> dict[str, Any] | None:
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return {"inputs": {str(name): [row[index] for row in rows] for index, name in enumerate(names)}}
