"""Turns the input example that MLflow keeps beside a model into a request of `/predict`."""

import json
import math
from pathlib import Path
from typing import Any

from modelyard.registry.mlmodel import read_mlmodel


def example_of(folder: Path) -> dict[str, Any] | None:
    """`{"inputs": …}` as columns or as nested lists; None when the model has no example that says it in JSON."""
    info = read_mlmodel(folder).get("saved_input_example_info")
    if not isinstance(info, dict):
        return None
    path = folder / str(info.get("artifact_path", ""))
    if not path.is_file() or path.suffix != ".json" or not path.resolve().is_relative_to(folder.resolve()):
        return None
    content = _without_nan(json.loads(path.read_text(encoding="utf-8")))
    return _request(content) if isinstance(content, dict) else None


def _request(content: dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(content.get("columns"), list) and isinstance(content.get("data"), list):
        columns = zip(*content["data"], strict=True) if content["data"] else ([] for _ in content["columns"])
        return {"inputs": {str(name): list(values) for name, values in zip(content["columns"], columns, strict=True)}}
    if isinstance(content.get("data"), list):
        return {"inputs": content["data"]}
    if "inputs" in content:
        return {"inputs": content["inputs"]}
    return None


def _without_nan(value: Any) -> Any:
    """JSON has no NaN; a missing number is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return value
