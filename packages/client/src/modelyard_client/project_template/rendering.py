"""Renders the files of a project: paths and texts, without touching a disk. The same answers give the same bytes."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from modelyard_client.project_template.answers import Answers, Kind
from modelyard_client.project_template.kinds import KINDS
from modelyard_client.project_template.record import RECORD, Record
from modelyard_client.release import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

_FILES = Path(__file__).with_name("files")
_COMMON = "common"
_SUFFIX = ".jinja"
_DOT = "dot_"
"""How the name of a template begins whose file begins with a dot, so that tools here do not take it for their own."""
_GITHUB = PurePosixPath(".github")
EXECUTABLES = frozenset({PurePosixPath("tools/image.sh")})


def render_project(answers: Answers) -> Mapping[PurePosixPath, str]:
    """The files of the project by their path, with the record of what it was made of."""
    environment, values = _environment(), _values(answers)
    files = {
        _place(template, folder): environment.get_template(template).render(values)
        for folder in (_COMMON, KINDS[answers.kind].folder)
        for template in _templates(folder)
    }
    if not answers.github:
        files = {path: text for path, text in files.items() if not path.is_relative_to(_GITHUB)}
    record = Record.of(answers, files)
    return {**dict(sorted(files.items())), PurePosixPath(RECORD): record.to_text()}


def _values(answers: Answers) -> dict[str, Any]:
    facts = asdict(KINDS[answers.kind])
    return {
        **facts,
        "name": answers.name,
        "kind": answers.kind.value,
        "registry": answers.registry,
        "github": answers.github,
        "image": answers.registry or f"localhost/{answers.name.lower()}",
        "is_notebook": answers.kind is Kind.NOTEBOOK,
        "modelyard_version": __version__,
    }


def _templates(folder: str) -> list[str]:
    found = (_FILES / folder).rglob(f"*{_SUFFIX}")
    return sorted(path.relative_to(_FILES).as_posix() for path in found)


def _place(template: str, folder: str) -> PurePosixPath:
    """`common/dot_github/workflows/ci.yml.jinja` is `.github/workflows/ci.yml`."""
    parts = PurePosixPath(template.removesuffix(_SUFFIX)).relative_to(folder).parts
    return PurePosixPath(*(f".{part.removeprefix(_DOT)}" if part.startswith(_DOT) else part for part in parts))


@cache
def _environment() -> "Environment":
    """Jinja2 with the marks of ERB: GitHub's expressions, TOML and shell have Jinja2's own."""
    from jinja2 import FileSystemLoader, StrictUndefined  # noqa: PLC0415  # Only who renders waits for it.
    from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415  # As above.

    return SandboxedEnvironment(
        loader=FileSystemLoader(_FILES),
        undefined=StrictUndefined,
        autoescape=False,  # No HTML: answers have no character that Makefiles, YAML or Python would read.
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<%=",
        variable_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
