"""Requirements files as pip reads them: `-r`, `-c`, hashes, extras and markers; whatever else is refused by name."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from packaging.requirements import Requirement

from modelyard_client.needs.needs import Needs, Reader, named_requirement, names_an_index, refused

_COMMENT = re.compile(r"(^|\s+)#.*$")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_FILES = 50
_INCLUDES = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
_INDEXES = frozenset(
    ["-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--trusted-host", "--index-strategy"]
)
_LOCAL = frozenset(["-e", "--editable"])


def read_requirements_file(path: PurePosixPath, read: Reader) -> Needs:
    """What a requirements file says, with the files that it includes.

    Raises:
        Invalid: there is no such file, or a line that cannot be honoured; the message names file and line.
    """
    reading = _Reading(read)
    reading.file(path, is_constraint=False, named_by=None)
    return reading.needs(str(path))


def read_requirement_lines(text: str, path: PurePosixPath, read: Reader) -> Needs:
    """What lines in the form of a requirements file say, which stand in another file (`path`)."""
    reading = _Reading(read)
    reading.lines(text, path, is_constraint=False)
    return reading.needs(str(path))


@dataclass
class _Reading:
    """One file and all that it includes, as they are read."""

    read: Reader
    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    requires_hashes: bool = False
    unhashed: str | None = None
    """Where the first requirement without a hash stands."""
    seen: set[tuple[PurePosixPath, bool]] = field(default_factory=set)

    def needs(self, source: str) -> Needs:
        has_hashes = self.requires_hashes or any(" --hash=" in each for each in self.requirements)
        if has_hashes and self.unhashed is not None:
            raise refused(
                f"{self.unhashed} has no --hash, while others do: expected hashes for all requirements or none"
            )
        return Needs(tuple(self.requirements), tuple(self.constraints), source=source)

    def file(self, path: PurePosixPath, *, is_constraint: bool, named_by: str | None) -> None:
        if (path, is_constraint) in self.seen:
            return
        self.seen.add((path, is_constraint))
        if len(self.seen) > _MAX_FILES:
            raise refused(f"{path}: expected at most {_MAX_FILES} files that include each other")
        text = self.read(path)
        if text is None:
            raise refused(f"{named_by}: there is no file {path}" if named_by else f"there is no file {path}")
        self.lines(text, path, is_constraint=is_constraint)

    def lines(self, text: str, path: PurePosixPath, *, is_constraint: bool) -> None:
        for number, line in _logical_lines(text):
            where = f"{path}, line {number}"
            if line.startswith("-"):
                self._option(line, path, where, is_constraint=is_constraint)
            else:
                self._requirement(line, where, is_constraint=is_constraint)

    def _option(self, line: str, path: PurePosixPath, where: str, *, is_constraint: bool) -> None:
        name, value = _option_of(line)
        if name in _INCLUDES:
            if "://" in value or PurePosixPath(value).is_absolute():
                raise refused(f"{where}: {name} expects a file beside this one, got an address or an absolute path")
            includes_constraints = is_constraint or _INCLUDES[name] == "-c"
            self.file(_normal(path.parent / value), is_constraint=includes_constraints, named_by=where)
        elif name == "--require-hashes":
            self.requires_hashes = True
        elif name in _INDEXES:
            raise names_an_index(f"{where}: {name}")
        elif name in _LOCAL:
            raise refused(
                f"{where}: {name} installs from a path or an address, which is not taken: name a package, or "
                "put the module into the project's folder"
            )
        else:
            raise refused(f"{where}: the option {name} is not honoured, so it is refused: remove it")

    def _requirement(self, line: str, where: str, *, is_constraint: bool) -> None:
        text, *options = re.split(r"\s+(?=--)", line)
        requirement = named_requirement(text, where=where)
        hashes = [_hash_of(option, where) for option in options]
        if hashes and not _is_pinned(requirement):
            raise refused(f"{where}: expected a version with == where hashes are given, got {requirement!r}")
        if is_constraint:
            self.constraints.append(" ".join([requirement, *hashes]))
            return
        if not hashes and self.unhashed is None:
            self.unhashed = f"{where}: {requirement}"
        self.requirements.append(" ".join([requirement, *hashes]))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not empty, with what goes on after a backslash, and the number where each begins."""
    begun = 0
    parts: list[str] = []
    for number, raw in enumerate([*text.splitlines(), ""], start=1):
        line = _COMMENT.sub("", raw)
        begun = number if not parts else begun
        parts.append(line.rstrip().removesuffix("\\").strip())
        if not line.rstrip().endswith("\\"):
            if whole := " ".join(filter(None, parts)):
                yield begun, whole
            parts = []


def _option_of(line: str) -> tuple[str, str]:
    if line.startswith("--"):
        name, _, value = line.partition("=") if "=" in line.split(maxsplit=1)[0] else line.partition(" ")
    else:
        name, value = line[:2], line[2:]
    try:
        words = shlex.split(value)
    except ValueError:
        words = [value.strip()]
    return name.strip(), words[0] if words else ""


def _hash_of(option: str, where: str) -> str:
    name, value = _option_of(option)
    if name != "--hash":
        raise refused(f"{where}: the option {name} is not honoured, so it is refused: remove it")
    if not _HASH.fullmatch(value):
        raise refused(f"{where}: --hash expects sha256: and 64 hexadecimal digits, got {value[:20]!r}")
    return f"--hash={value}"


def _is_pinned(requirement: str) -> bool:
    specifiers = list(Requirement(requirement).specifier)
    return len(specifiers) == 1 and specifiers[0].operator == "==" and not specifiers[0].version.endswith(".*")


def _normal(path: PurePosixPath) -> PurePosixPath:
    """Without `.` and, where that is possible, without `..`."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return PurePosixPath(*parts)
