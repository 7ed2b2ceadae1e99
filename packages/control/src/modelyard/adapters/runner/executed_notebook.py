"""The executed notebook that a run left: secrets in it are masked before anybody reads it.

A notebook's code may have written anything in its place, so what is no such file, or no JSON, is removed.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelyard.isolation.untrusted_files import open_regular
from modelyard.ports.runner import EXECUTED_NOTEBOOK

MAX_EXECUTED_BYTES = 64 * 1024 * 1024


def mask_executed_notebook(work: Path, masked: Callable[[str], str]) -> None:
    """Replace secrets in it. No process of the run is left."""
    place = work / EXECUTED_NOTEBOOK
    try:
        with open_regular(work, EXECUTED_NOTEBOOK) as file:
            content = file.read(MAX_EXECUTED_BYTES + 1)
        document = None if len(content) > MAX_EXECUTED_BYTES else _masked(json.loads(content), masked)
    except (OSError, ValueError, RecursionError):
        document = None
    with suppress(OSError):
        place.unlink()
        if document is not None:
            _write(place, json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def _masked(value: Any, masked: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [_masked(each, masked) for each in value]
    if isinstance(value, dict):
        return {masked(key): _masked(each, masked) for key, each in value.items()}
    return value


def _write(place: Path, text: str) -> None:
    """Make the file anew: what is there in its place is not followed."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
