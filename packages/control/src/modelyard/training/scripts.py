"""What somebody sends to be trained: a script, a notebook or a project, and what the job keeps of it as its request."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from modelyard.errors import Invalid
from modelyard.naming import validate_script_name
from modelyard.registry.provenance import DataReference
from modelyard.training.data import checked_data
from modelyard.training.domain import parse_requirements
from modelyard.training.notebooks import check_parameters, prepared, read_notebook, refuse_parameters
from modelyard.training.variables import check_arguments, check_variables
from modelyard_client import needs
from modelyard_client.errors import Invalid as ClientInvalid
from modelyard_client.notebooks import MAX_NOTEBOOK_BYTES, Notebook, is_notebook

MAX_SCRIPT_BYTES = 1024 * 1024
DEFAULT_ENTRY = "train.py"
_MOST_READ = 1024 * 1024
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class GitState:
    """Where the sender's files stand in git, as the sender says."""

    commit: str
    is_dirty: bool


@dataclass(frozen=True, slots=True)
class Script:
    """A training script or a notebook, with what it needs and where its run shall go."""

    script_name: str | None
    """Of a project: the path of its script, `train.py` where it is None."""
    script_content: str | None
    requirements: Sequence[str] | None
    """None for those that the script or the project's files name."""
    experiment_name: str | None = None
    logged_model: str | None = None
    """Which of the models that it logs is meant, when it logs several."""
    best_of: str | None = None
    """The metric by which the best of several is taken, like `accuracy` or `min:rmse`."""
    timeout_seconds: float | None = None
    constraints: Sequence[str] = ()
    requires_python: str = ""
    arguments: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Of a notebook: values of JSON for what its cell that is tagged `parameters` assigns."""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    project: str | None = None
    """The sha256 of a project's archive, instead of the script's text."""
    git: GitState | None = None
    data: Mapping[str, DataReference] = field(default_factory=dict)
    """What the run is given, by name."""
    runner: str | None = None
    """One of those that the operator has configured."""


def request_of(script: Script, project: Path | None) -> dict[str, Any]:
    """What a job keeps of a script: all but its secrets' values, with what its own files say that it needs.

    Args:
        project: the folder of the project's files; None for a script that is sent alone.

    Raises:
        Invalid: a field is not what it should be; the error names it.
    """
    check_variables(script.environment, script.secrets)
    if script.git is not None and not _COMMIT.fullmatch(script.git.commit):
        raise Invalid("git.commit: expected 40 hexadecimal digits", code="git_commit_invalid", field="git.commit")
    name, content = _text_of(script, project)
    notebook = read_notebook(name, content) if is_notebook(name) else None
    _check_given(script, notebook)
    if notebook is not None:
        content = notebook.text
        _check_size(content, "script_content")
    found = _needs_of(script, name, content if notebook is None else notebook.code, project)
    request: dict[str, Any] = {
        "script_name": name,
        "script_content": None if script.project else content,
        "script_sha256": hashlib.sha256(content.encode()).hexdigest(),
        "requirements": list(parse_requirements(found.requirements)),
        "logged_model": script.logged_model,
        **({"best_of": script.best_of} if script.best_of is not None else {}),
        "timeout_seconds": script.timeout_seconds,
    }
    more = {
        "constraints": list(parse_requirements(found.constraints, field="constraints")),
        "requires_python": found.requires_python,
        "arguments": list(script.arguments),
        "parameters": dict(script.parameters),
        "environment": dict(script.environment),
        "secrets": sorted(script.secrets),
        "project": script.project,
        "data": {name: asdict(each) for name, each in checked_data(script.data, project).items()},
        "git": None if script.git is None else {"commit": script.git.commit, "is_dirty": script.git.is_dirty},
    }
    return request | {key: value for key, value in more.items() if value}


def script_of(request: Mapping[str, Any], *, secrets: Mapping[str, str]) -> Script:
    """The script that a job's request was made of. Of secrets the request has the names only."""
    git = request.get("git")
    given = {each.name: request[each.name] for each in fields(Script) if each.name in request}
    return Script(
        **{
            "script_name": None,
            "script_content": None,
            "requirements": None,
            **given,
            "secrets": secrets,
            "git": None if git is None else GitState(commit=git["commit"], is_dirty=git["is_dirty"]),
            "data": {name: DataReference(**each) for name, each in request.get("data", {}).items()},
        }
    )


def content_to_run(request: Mapping[str, Any], project: Path | None) -> str | None:
    """The text that a run of a job's request is given beside its project; None where the project has the script.

    A notebook is given prepared, also one of a project.
    """
    name, content = request["script_name"], request["script_content"]
    if not is_notebook(name):
        return None if content is None else str(content)
    if content is None and project is not None:
        content = _reader(project, MAX_NOTEBOOK_BYTES)(PurePosixPath(name))
    return prepared(read_notebook(name, content or ""), request.get("parameters", {}))


def _text_of(script: Script, project: Path | None) -> tuple[str, str]:
    """The script's name and its text, wherever it is."""
    if project is None:
        name, content = script.script_name or DEFAULT_ENTRY, script.script_content or ""
        validate_script_name(name)
        if not is_notebook(name):
            _check_size(content, "script_content")
        return name, content
    if script.script_content is not None:
        said = "expected either a project or a script's content, got both"
        raise Invalid(f"script_content: {said}", code="script_content_invalid", field="script_content")
    name = script.script_name or DEFAULT_ENTRY
    entry = PurePosixPath(name)
    most = MAX_NOTEBOOK_BYTES if is_notebook(name) else _MOST_READ
    text = _reader(project, most)(entry) if is_notebook(name) or name.endswith(".py") else None
    if text is None:
        raise Invalid(
            f"script_name: expected the path of a Python script or a notebook in the project, got {name[:80]!r}, which "
            "is none",
            code="script_name_invalid",
            field="script_name",
        )
    return str(entry), text


def _check_size(content: str, field: str) -> None:
    size = len(content.encode("utf-8", errors="surrogatepass"))
    if not content.strip() or size > MAX_SCRIPT_BYTES:
        raise Invalid(
            f"{field}: expected a script of 1 to {MAX_SCRIPT_BYTES} bytes, of a notebook without its outputs, "
            f"got {size}",
            code="script_content_invalid",
            field=field,
        )


def _check_given(script: Script, notebook: Notebook | None) -> None:
    """A script has arguments, and a notebook parameters."""
    if notebook is None:
        check_arguments(script.arguments)
        refuse_parameters(script.parameters)
        return
    if script.arguments:
        raise Invalid(
            "arguments: expected none for a notebook, which takes parameters",
            code="arguments_invalid",
            field="arguments",
        )
    check_parameters(notebook, script.parameters)


def _needs_of(script: Script, name: str, code: str, project: Path | None) -> needs.Needs:
    """What is said in the request, else in the files; the Python that they require counts in any case."""
    entry = PurePosixPath(name)
    read = (lambda _: None) if project is None else _reader(project)
    try:
        given = needs.python_versions(script.requires_python, where="requires_python")
        if script.requirements is None:
            found = needs.read_needs(entry, code, read)
        else:
            python = needs.required_python(entry, code, read)
            found = needs.Needs(tuple(script.requirements), requires_python=python)
        return needs.Needs(
            found.requirements,
            (*found.constraints, *script.constraints),
            needs.combined(given, found.requires_python),
            found.source,
        )
    except ClientInvalid as refused:
        raise Invalid(refused.message, code=refused.code, field=refused.field) from refused


def _reader(project: Path, most: int = _MOST_READ) -> needs.Reader:
    """Reads text files of a project. Its folder holds plain files only; a path that leaves it is no file of it."""

    def read(path: PurePosixPath) -> str | None:
        if path.is_absolute() or ".." in path.parts or "\0" in str(path):
            return None
        file = project / path
        if not file.is_file():
            return None
        try:
            with file.open("rb") as content:
                text = content.read(most + 1).decode()
        except UnicodeDecodeError as exc:
            raise Invalid(f"{path}: expected text in UTF-8", code="file_unreadable", field="project") from exc
        if len(text) > most:
            raise Invalid(f"{path}: expected at most {most} bytes", code="file_too_large", field="project")
        return text

    return read
