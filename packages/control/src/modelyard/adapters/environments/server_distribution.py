"""Where an environment gets our own distributions from: the package index, or a wheel that is built from the sources
beside us while they are installed for development. A wheel is built once for each content."""

import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelyard.adapters.environments.uv_command import Uv
from modelyard.ports.environments import LogLine
from modelyard.scratch import Scratch

SERVER = "modelyard-serving"


@dataclass(frozen=True, slots=True)
class ServerRequirement:
    """The requirement, the folder where its wheel lies (None: on the index), and what the two depend on."""

    requirement: str
    wheel_folder: Path | None
    content: str


class ServerDistribution:
    """Finds or builds one of our distributions.

    Args:
        name: of the distribution; the model server's if not given.
        uv: builds the wheel.
        wheels: folder that keeps the built wheels, one folder for each content.
        scratch: folder of scratch folders, on the file system of `wheels`.
        source: the distribution's project folder; None when it comes from the index.
    """

    def __init__(self, *, uv: Uv, wheels: Path, scratch: Path, source: Path | None, name: str = SERVER) -> None:
        self._name = name
        self._uv = uv
        self._wheels = wheels
        self._scratch = scratch
        self._source = source

    def requirement(self, extras: Sequence[str], *, log: LogLine) -> ServerRequirement:
        """What to require so that an environment holds it in our own version, with these extras.

        Raises:
            UvFailure: the wheel does not build.
        """
        named = f"{self._name}[{','.join(sorted(extras))}]" if extras else self._name
        requirement = f"{named}=={importlib.metadata.version('modelyard')}"
        if self._source is None:
            return ServerRequirement(requirement=requirement, wheel_folder=None, content="")
        content = _content_digest(self._source)
        folder = self._wheels / content[:16]
        if not folder.exists():
            self._build(folder, log=log)
        return ServerRequirement(requirement=requirement, wheel_folder=folder, content=content)

    def wheel_folders(self, lock_text: str) -> list[Path]:
        """The folders of the wheels that this lock names by their hash."""
        wheels = self._wheels.glob("*/*.whl")
        return [wheel.parent for wheel in wheels if hashlib.sha256(wheel.read_bytes()).hexdigest() in lock_text]

    def _build(self, folder: Path, *, log: LogLine) -> None:
        # Without isolation the build needs no index; where the backend is not installed, uv fetches it.
        isolation = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
        self._wheels.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(Scratch(self._scratch)) as scratch:
            built = scratch.folder / "wheel"
            options = ["--wheel", *isolation, "--python", sys.executable, "--out-dir", str(built)]
            self._uv.run("build", *options, str(self._source), log=log, inherited=[scratch.held])
            if not folder.exists():
                _rename(built, folder)


def editable_source(distribution: str = SERVER) -> Path | None:
    """The project folder of a distribution that is installed as editable; None for any other, and for none."""
    try:
        text = importlib.metadata.distribution(distribution).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return None
    origin = json.loads(text or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(origin["url"]).path))


def _rename(built: Path, folder: Path) -> None:
    try:
        built.rename(folder)
    except OSError:
        if not folder.exists():  # Else another process was faster, with the same content.
            raise


def _content_digest(source: Path) -> str:
    digest = hashlib.sha256()
    files = [source / "pyproject.toml", *(path for path in (source / "src").rglob("*") if path.is_file())]
    for path in sorted(path for path in files if "__pycache__" not in path.parts):
        name = path.relative_to(source).as_posix().encode()
        digest.update(b"%d %s %d " % (len(name), name, path.stat().st_size) + path.read_bytes())
    return digest.hexdigest()
