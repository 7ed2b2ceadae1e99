"""Reads MLflow's `MLmodel` file as what it is, YAML, without MLflow and without loading a model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def read_mlmodel(folder: Path) -> Mapping[str, Any]:
    """The file's content; empty when there is none or it is not a mapping."""
    path = folder / "MLmodel"
    if not path.exists():
        return {}
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def read_signature(folder: Path) -> Mapping[str, Any] | None:
    """The signature: lists `inputs`, `outputs` and `params`, each as MLflow describes it; None without one."""
    signature = read_mlmodel(folder).get("signature")
    if not isinstance(signature, dict):
        return None
    return {key: json.loads(value) if isinstance(value, str) else value for key, value in signature.items()}
