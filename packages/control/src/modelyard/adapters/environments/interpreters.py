"""Which Python an environment is made with: our own where it will do, else one that uv finds. None is downloaded."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from modelyard.adapters.environments.uv_command import Uv
from modelyard.errors import Invalid

_OWN_VERSION = ".".join(map(str, sys.version_info[:3]))
_OWN_MINOR = ".".join(map(str, sys.version_info[:2]))
_ASKING_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this machine. `version` is what locks name it by: of our own the minor version, else all of it."""

    version: str
    path: Path


class Interpreters:
    """Finds interpreters, and remembers them for as long as the process lives."""

    def __init__(self, uv: Uv) -> None:
        self._uv = uv
        self._found: dict[str, Interpreter] = {}

    def find(self, requires_python: str) -> Interpreter:
        """One whose version is among these.

        Raises:
            Invalid: code `python_unavailable`.
        """
        if SpecifierSet(requires_python).contains(_OWN_VERSION, prereleases=True):
            return Interpreter(_OWN_MINOR, Path(sys.executable))
        found = self._find(requires_python)
        if found is None:
            raise _unavailable(f"'{requires_python}'")
        return found

    def named(self, version: str | None) -> Interpreter:
        """The one that a lock names, or another of its minor version when that is gone.

        Raises:
            Invalid: code `python_unavailable`.
        """
        if version in (None, _OWN_MINOR):
            return Interpreter(_OWN_MINOR, Path(sys.executable))
        found = self._find(version) or self._find(".".join(version.split(".")[:2]))
        if found is None:
            raise _unavailable(version)
        return found

    def _find(self, versions: str) -> Interpreter | None:
        known = self._found.get(versions)
        if known is not None and known.path.exists():
            return known
        path = self._uv.find_python(versions)
        if path is None:
            return None
        self._found[versions] = Interpreter(_version_of(path), path)
        return self._found[versions]


def _version_of(python: Path) -> str:
    asked = [str(python), "-I", "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=_ASKING_SECONDS).stdout.strip()


def _unavailable(wanted: str) -> Invalid:
    return Invalid(
        f"requires-python: expected a version that this machine has ({_OWN_VERSION} is the platform's own), got "
        f"{wanted}, of which there is none",
        code="python_unavailable",
        field="requires_python",
    )
