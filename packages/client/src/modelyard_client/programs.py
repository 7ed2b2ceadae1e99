"""What is trained, as it lies on this machine: a script or notebook, one with files beside it, or a project."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from modelyard_client.archive import Archive
from modelyard_client.errors import Invalid
from modelyard_client.git_state import GitState
from modelyard_client.needs import Needs, read_needs, read_requirements_file
from modelyard_client.needs.pyproject import parse_pyproject
from modelyard_client.notebooks import Notebook, is_notebook
from modelyard_client.project_files import project_files
from modelyard_client.project_settings import ProjectSettings
from modelyard_client.scripts import Script, default_model_name

_PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A script, a notebook or a project that can be sent to be trained."""

    script_name: str
    """A file's name; of a project the path of its script."""
    content: str
    """Of a notebook: without its outputs."""
    needs: Needs
    model_name: str
    """The default name of its model."""
    archive: Archive | None = None
    """All files of a project; None for a script alone."""
    git: GitState | None = None
    settings: ProjectSettings = field(default_factory=ProjectSettings)

    @classmethod
    def load(cls, path: Path, *, files: Sequence[Path] = ()) -> "Program":
        """The script, the notebook, or the project's folder, at a path.

        Args:
            files: data or modules, files or folders, that are laid beside the script.

        Raises:
            Invalid: there is no such thing, or a file of it cannot be honoured.
        """
        if path.is_dir():
            return _project(path, files)
        return _script(path, files)

    @classmethod
    def of(cls, script: Script) -> "Program":
        """A script whose text is known, without any file beside it."""
        content, code = _content_and_code(script)
        needs = read_needs(PurePosixPath(script.name), code, lambda _: None)
        name = default_model_name(script.name)
        return cls(script_name=script.name, content=content, needs=needs, model_name=name)

    @property
    def is_notebook(self) -> bool:
        """Whether it takes parameters, instead of arguments."""
        return is_notebook(self.script_name)

    def needing(self, named: Sequence[str], files: Sequence[Path] = ()) -> "Program":
        """The same with these requirements, and those of requirements files, instead of what its own files say."""
        read = [read_requirements_file(PurePosixPath(file), _read) for file in files]
        needs = Needs(
            (*named, *(each for needs in read for each in needs.requirements)),
            tuple(each for needs in read for each in needs.constraints),
            self.needs.requires_python,
        )
        return replace(self, needs=needs)

    def body(self) -> dict[str, Any]:
        """The part of a request that names what is run, in which environment; without what is empty."""
        sent = {"script_content": self.content} if self.archive is None else {"project": self.archive.sha256}
        git = None if self.git is None else {"commit": self.git.commit, "is_dirty": self.git.is_dirty}
        more = {
            "constraints": list(self.needs.constraints),
            "requires_python": self.needs.requires_python,
            "git": git,
        }
        body = {"script_name": self.script_name, **sent, "requirements": list(self.needs.requirements)}
        return body | {name: value for name, value in more.items() if value}


def _script(path: Path, files: Sequence[Path]) -> Program:
    script = Script.read(path)
    content, code = _content_and_code(script)
    folder = path.absolute().parent
    entry = PurePosixPath(script.name)
    return Program(
        script_name=script.name,
        content=content,
        needs=read_needs(entry, code, lambda beside: _read(folder / beside)),
        model_name=default_model_name(script.name),
        archive=Archive.of([(script.name, path), *_beside(folder, files)]) if files else None,
        git=GitState.of(folder),
    )


def _project(folder: Path, files: Sequence[Path]) -> Program:
    settings = _settings(folder)
    entry = PurePosixPath(settings.entry)
    if entry.is_absolute() or ".." in entry.parts or not (folder / entry).is_file():
        raise Invalid(
            f"{folder}: expected the script {entry} in it: name another as `entry` in [tool.modelyard] of {_PYPROJECT}",
            code="script_name_invalid",
            field="script_name",
        )
    archive = Archive.of([*project_files(folder), *_beside(folder, files)])
    if str(entry) not in archive.names:
        raise Invalid(
            f"{folder}: .gitignore excludes the script {entry}", code="script_name_invalid", field="script_name"
        )
    content, code = _content_and_code(Script.read(folder / entry))
    return Program(
        script_name=str(entry),
        content=content,
        needs=read_needs(entry, code, lambda path: _read(folder / path)),
        model_name=settings.name or default_model_name(folder.absolute().name),
        archive=archive,
        git=GitState.of(folder),
        settings=settings,
    )


def _content_and_code(script: Script) -> tuple[str, str]:
    """What is sent of a script, and what of it is Python."""
    if not is_notebook(script.name):
        return script.content, script.content
    notebook = Notebook.parse(script.name, script.content)
    return notebook.text, notebook.code


def _settings(folder: Path) -> ProjectSettings:
    text = _read(folder / _PYPROJECT)
    return (
        ProjectSettings() if text is None else ProjectSettings.from_toml(_PYPROJECT, parse_pyproject(_PYPROJECT, text))
    )


def _beside(folder: Path, files: Sequence[Path]) -> list[tuple[str, Path]]:
    """Files that are sent too: at their own place where they are below the script's folder, else beside the script."""
    entries: list[tuple[str, Path]] = []
    for file in files:
        place = file.absolute()
        name = place.relative_to(folder.absolute()) if place.is_relative_to(folder.absolute()) else Path(place.name)
        if place.is_dir():
            entries += [(f"{name.as_posix()}/{below}", path) for below, path in project_files(place)]
        elif place.is_file():
            entries.append((name.as_posix(), place))
        else:
            raise Invalid(f"cannot read {file}: there is no such file or folder", code="file_unreadable", field="files")
    return entries


def _read(path: Path | PurePosixPath) -> str | None:
    """The text of a file on this machine, or None when there is none."""
    file = Path(path)
    if not file.is_file():
        return None
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 text", code="file_unreadable", field="requirements") from error
