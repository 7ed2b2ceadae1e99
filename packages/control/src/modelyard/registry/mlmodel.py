"""Reads MLflow's `MLmodel` file as what it is, YAML, without MLflow and without loading a model.

A script wrote it, so it is taken for nothing more than what it shows itself to be.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from modelyard.errors import Invalid
from modelyard.plain import plain_json

_MAX_BYTES = 16 * 1024 * 1024
_SIGNATURE = ("inputs", "outputs", "params")


def read_mlmodel(folder: Path) -> Mapping[str, Any]:
    """The file's content; empty when there is none or it is not a mapping.

    Raises:
        Invalid: code `mlmodel_invalid`, when it is not YAML, or larger than any that MLflow writes.
    """
    path = folder / "MLmodel"
    if not path.is_file():
        return {}
    if path.stat().st_size > _MAX_BYTES:
        raise _invalid(f"expected at most {_MAX_BYTES} bytes, got {path.stat().st_size}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise _invalid("expected YAML") from exc
    return content if isinstance(content, dict) else {}


def read_signature(folder: Path) -> Mapping[str, Any] | None:
    """The signature: lists `inputs`, `outputs` and `params`, each as MLflow describes it; None without one.

    Raises:
        Invalid: code `mlmodel_invalid`.
    """
    signature = read_mlmodel(folder).get("signature")
    if not isinstance(signature, dict):
        return None
    return {key: _described(key, signature.get(key)) for key in _SIGNATURE if key in signature}


def _described(key: str, text: Any) -> list[Any] | None:
    """MLflow writes each part as a text of JSON."""
    if text is None:
        return None
    try:
        part = json.loads(text)
    except (TypeError, ValueError, RecursionError) as exc:
        raise _invalid(f"signature.{key}: expected a text of JSON") from exc
    if not isinstance(part, list) or not all(isinstance(item, dict) for item in part):
        raise _invalid(f"signature.{key}: expected a list of objects")
    described: list[Any] = plain_json(part)
    return described


def _invalid(what: str) -> Invalid:
    return Invalid(f"the model's file MLmodel: {what}", code="mlmodel_invalid")
