"""Takes the modules of a run's own folder that its model needs into the model's code, as MLflow's `code_paths` would.

Files are copied and their imports read as text; nothing is run. What is a link, or lies behind one, is no module.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from modelyard.errors import NotFound
from modelyard.packaging.brought_code import imports_of
from modelyard.ports.runner import Runner
from modelyard.registry.mlmodel import read_mlmodel

_CODE = "code"
_MOST_FILES = 500
_MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of one run, wherever it ran."""

    runner: Runner
    run_key: str

    def of_module(self, name: str) -> Sequence[str]:
        """The Python files of a module or a package at the top of the working directory."""
        package = [path for path in self.runner.files(self.run_key, name) if path.endswith(".py")]
        modules = [path for path in package if "__pycache__" not in PurePosixPath(path).parts]
        return modules[: _MOST_FILES + 1] if modules else [f"{name}.py"]

    def copy(self, path: str, target: Path) -> None:
        """Copy a file, and make the folder that it comes into.

        Raises:
            NotFound: it is not there, or no regular file.
        """
        with self.runner.open_file(self.run_key, path) as source:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as copy:
                shutil.copyfileobj(source, copy)


def add_module(model: Path, run: RunFiles, module: str, *, script_name: str) -> list[str]:
    """Add a module of the run's working directory, with those of it that it imports, to an MLflow model's folder.

    Args:
        run: the files that the run has in its working directory.
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
        for path in run.of_module(name):
            if path == script_name or (model / _CODE / path).exists():
                continue
            target = model / _CODE / path
            try:
                run.copy(path, target)
            except NotFound:
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
