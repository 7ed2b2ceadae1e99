"""Which of the files beside a script says what it needs: the first that there is, of those that the field knows."""

from pathlib import PurePosixPath

from packaging.specifiers import SpecifierSet

from modelyard_client.needs.conda import read_conda
from modelyard_client.needs.inline import read_inline
from modelyard_client.needs.needs import Needs, Reader
from modelyard_client.needs.pyproject import parse_pyproject, read_dependencies, requires_python_of
from modelyard_client.needs.requirements_file import read_requirements_file

_REQUIREMENTS = "requirements.txt"
_PYPROJECT = "pyproject.toml"
_CONDA = ("environment.yml", "environment.yaml", "conda.yaml", "conda.yml")


def read_needs(script: PurePosixPath, text: str, read: Reader) -> Needs:
    """What a script needs. The first of these that is there counts: `dependencies` in the script's own block (PEP 723),
    `requirements.txt`, `pyproject.toml`, `environment.yml` or `conda.yaml`; beside the script, then at the top.

    The Python that the script's block and `pyproject.toml` require counts in any case.

    Args:
        script: its path below the project's folder.
        read: reads files below that folder.

    Raises:
        Invalid: the file that counts says what cannot be honoured.
    """
    needs = _declared(script, text, read)
    python = combined(needs.requires_python, required_python(script, text, read))
    return Needs(needs.requirements, needs.constraints, requires_python=python, source=needs.source)


def required_python(script: PurePosixPath, text: str, read: Reader) -> str:
    """The Python that the script's own block and `pyproject.toml` require."""
    inline = read_inline(script.name, text)
    found = [inline.requires_python] if inline else []
    for path in _beside(script, _PYPROJECT):
        content = read(path)
        if content is not None:
            found.append(requires_python_of(str(path), parse_pyproject(str(path), content)))
    return combined(*found)


def combined(*specifiers: str) -> str:
    """The versions that are in all of them."""
    every = SpecifierSet()
    for each in specifiers:
        every &= SpecifierSet(each)
    return str(every)


def _declared(script: PurePosixPath, text: str, read: Reader) -> Needs:
    inline = read_inline(script.name, text)
    if inline is not None and inline.source is not None:
        return inline
    for path in _beside(script, _REQUIREMENTS):
        if read(path) is not None:
            return read_requirements_file(path, read)
    for path in _beside(script, _PYPROJECT):
        content = read(path)
        needs = None if content is None else read_dependencies(str(path), parse_pyproject(str(path), content))
        if needs is not None:
            return needs
    for path in (path for name in _CONDA for path in _beside(script, name)):
        content = read(path)
        if content is not None:
            return read_conda(path, content, read)
    return Needs()


def _beside(script: PurePosixPath, name: str) -> list[PurePosixPath]:
    """Where a file of this name is looked for: beside the script, then at the project's top."""
    return list(dict.fromkeys([script.parent / name, PurePosixPath(name)]))
