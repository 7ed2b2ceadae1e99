"""Training scripts and their requirements, as files on this machine. Reads files; runs and installs nothing."""

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelyard_client.errors import Invalid

# As the specification of inline script metadata gives it.
# https://packaging.python.org/en/latest/specifications/inline-script-metadata/
_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_MAX_NAME = 255
_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True, slots=True)
class Script:
    """A training script: its file's name and its text."""

    name: str
    content: str

    @classmethod
    def read(cls, file: Path) -> "Script":
        """The script in a file.

        Raises:
            Invalid: the file cannot be read or is not UTF-8 text.
        """
        return cls(name=file.name, content=_read(file, field="script"))

    def inline_requirements(self) -> tuple[str, ...]:
        """What the script itself says that it needs, in a `# /// script` block (PEP 723); nothing without one.

        Raises:
            Invalid: there are several blocks, or the block is not TOML with a list of strings as `dependencies`.
        """
        blocks = [match for match in _BLOCK.finditer(self.content) if match["type"] == "script"]
        if not blocks:
            return ()
        if len(blocks) > 1:
            raise self._invalid(f"has {len(blocks)} `# /// script` blocks, expected at most one")
        lines = (line.removeprefix("#").removeprefix(" ") for line in blocks[0]["content"].splitlines(keepends=True))
        try:
            metadata = tomllib.loads("".join(lines))
        except tomllib.TOMLDecodeError as error:
            raise self._invalid(f"has a `# /// script` block that is not TOML: {error}") from error
        dependencies = metadata.get("dependencies", [])
        if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
            raise self._invalid("names `dependencies` that are not a list of strings")
        return tuple(dependencies)

    def _invalid(self, what: str) -> Invalid:
        return Invalid(f"{self.name} {what}", code="script_metadata_invalid", field="requirements")


def default_model_name(script_name: str) -> str:
    """The name of a model that nobody named, as the platform itself makes it: `breast_cancer.py` → `breast-cancer`."""
    spelled = script_name.removesuffix(".py").replace("_", "-").lower()
    # What no name of a model holds.
    name = "".join("-" if each in "/:" or unicodedata.category(each) in {"Cc", "Cs"} else each for each in spelled)
    name = name.lstrip(".") if name == "." or name.startswith("..") else name
    return name[:_MAX_NAME] if name.strip() else "model"


def read_requirements(file: Path) -> tuple[str, ...]:
    """The requirements in a `requirements.txt`: one PEP 508 requirement a line, and comments.

    Raises:
        Invalid: the file cannot be read, or a line is an option (`-r`, `--hash`, …), which the platform does not take.
    """
    requirements = []
    for number, line in enumerate(_read(file, field="requirements").splitlines(), start=1):
        requirement = _COMMENT.sub("", line).strip()
        if requirement.startswith("-") or requirement.endswith("\\"):
            raise Invalid(
                f"{file}, line {number}: expected one requirement like scikit-learn==1.7.2, got {requirement!r}",
                code="requirement_invalid",
                field="requirements",
            )
        if requirement:
            requirements.append(requirement)
    return tuple(requirements)


def requirements_of(script: Script, *, named: Sequence[str] = (), files: Sequence[Path] = ()) -> tuple[str, ...]:
    """What is named and what is in the files; when neither is given, what the script itself says."""
    if not named and not files:
        return script.inline_requirements()
    return (*named, *(requirement for file in files for requirement in read_requirements(file)))


def _read(file: Path, *, field: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 text", code="file_unreadable", field=field) from error
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}", code="file_unreadable", field=field) from error
