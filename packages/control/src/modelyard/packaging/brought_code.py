"""Python files that were logged with a model (`code_paths`): what they import, read as text and never run."""

import ast
import sys
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any

_MOST_FILES = 500
_LARGEST = 1024 * 1024


def imports_of(path: Path) -> set[str] | None:
    """The topmost names that a file imports; None when it is no Python that can be read."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    of = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | of}


def needs_only(model: Path, code: Any, modules: Collection[str]) -> bool:
    """Whether a model's folder of code surely imports nothing but itself, Python's own modules and these.

    Code that cannot be read, or that is more than a few files, is never sure.
    """
    place = PurePosixPath(code) if isinstance(code, str) else None
    if place is None or place.is_absolute() or ".." in place.parts or not (model / place).is_dir():
        return False
    files = [path for path in (model / place).rglob("*") if not path.is_dir()]
    if len(files) > _MOST_FILES or any(path.is_symlink() or path.stat().st_size > _LARGEST for path in files):
        return False
    own = {path.relative_to(model / place).parts[0].removesuffix(".py") for path in files}
    known = own.union(modules, sys.stdlib_module_names)
    imported = [imports_of(path) for path in files if path.suffix == ".py"]
    return all(names is not None and names <= known for names in imported)
