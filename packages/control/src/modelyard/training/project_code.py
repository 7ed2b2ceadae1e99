"""Takes the modules of a run's own folder that its model needs into the model's code, as MLflow's `code_paths` would.

Files are copied and their imports read as text; nothing is run. What is a link, or lies behind one, is no module.
"""

from pathlib import Path

import yaml

from modelyard.isolation.untrusted_files import copy_regular
from modelyard.packaging.brought_code import imports_of
from modelyard.registry.mlmodel import read_mlmodel

_CODE = "code"
_MOST_FILES = 500
_MOST_BYTES = 16 * 1024 * 1024


def add_module(model: Path, run: Path, module: str, *, script_name: str) -> list[str]:
    """Add a module of the run's working directory, with those of it that it imports, to an MLflow model's folder.

    Args:
        run: the run's folder; its working directory is `work`.
        module: as Python names it; its topmost package is what is looked for.
        script_name: is no module: what is defined in it belongs to `__main__`.

    Returns:
        the paths that were added, below the model's folder; none when the run has no such module.
    """
    added: list[str] = []
    waiting, seen = [module.partition(".")[0]], set[str]()
    size = 0
    while waiting:
        name = waiting.pop()
        if name in seen or not name.isidentifier():
            continue
        seen.add(name)
        for path in _files_of(run / "work", name):
            if path == script_name or (model / _CODE / path).exists():
                continue
            target = model / _CODE / path
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                copy_regular(run, f"work/{path}", target)
            except OSError:
                target.unlink(missing_ok=True)
                continue
            _open_to_runs(model / _CODE, target)
            added.append(f"{_CODE}/{path}")
            size += target.stat().st_size
            if len(added) > _MOST_FILES or size > _MOST_BYTES:
                return []
            waiting.extend(imports_of(target) or ())
    if added:
        _declare(model)
        added.append("MLmodel")
    return added


def _files_of(work: Path, name: str) -> list[str]:
    """The Python files of a module or a package at the top of a folder, as paths below it."""
    if (work / name).is_dir() and not (work / name).is_symlink():
        found = sorted(path for path in (work / name).rglob("*.py") if "__pycache__" not in path.parts)
        return [path.relative_to(work).as_posix() for path in found[: _MOST_FILES + 1]]
    return [f"{name}.py"] if (work / f"{name}.py").is_file() else []


def _open_to_runs(code: Path, file: Path) -> None:
    """A run may be another user, whatever our umask is."""
    file.chmod(0o644)
    for folder in file.parents:
        if folder.is_relative_to(code):
            folder.chmod(0o755)


def _declare(model: Path) -> None:
    """Say in `MLmodel` that the model brings code, to our server as to MLflow's own loader."""
    content = dict(read_mlmodel(model))
    for flavor in content.get("flavors", {}).values():
        if isinstance(flavor, dict) and not flavor.get("code"):  # MLflow writes null where there is none.
            flavor["code"] = _CODE
    (model / "MLmodel").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
