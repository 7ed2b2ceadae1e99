"""The files of one run: the whole of what a control plane and the run's supervisor tell each other.

spec.json      what to run; written before the supervisor starts
work/          the script and its working directory
tmp/           its temporary files, and .tracking-uri when its MLflow client was pointed elsewhere; of a notebook also
               .cell and .failure, which say where it is and why it failed, and what its kernel needs
inputs/        copies of what it may read only, where that lies elsewhere
lock           held by the supervisor for its life: a run whose lock is free does not run
started.json   written first by the supervisor: from then on, this folder never starts again
cancel         its being there asks the supervisor to end the run
log            what the script wrote
outcome.json   written last by the supervisor, when no process is left
supervisor.log what the supervisor itself had to say
place.json     of a run that is hosted elsewhere: its being there says that something of it may be there still
sent           of such a run: its being there says that its agent has got it
"""

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The places in a run's folder."""

    path: Path

    @property
    def spec(self) -> Path:
        return self.path / "spec.json"

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def temporary(self) -> Path:
        return self.path / "tmp"

    @property
    def inputs(self) -> Path:
        return self.path / "inputs"

    @property
    def tracking_note(self) -> Path:
        return self.temporary / ".tracking-uri"

    @property
    def cell_note(self) -> Path:
        return self.temporary / ".cell"

    @property
    def failure_note(self) -> Path:
        return self.temporary / ".failure"

    @property
    def kernel(self) -> Path:
        return self.temporary / ".kernel"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def started(self) -> Path:
        return self.path / "started.json"

    @property
    def cancel(self) -> Path:
        return self.path / "cancel"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def outcome(self) -> Path:
        return self.path / "outcome.json"

    @property
    def supervisor_log(self) -> Path:
        return self.path / "supervisor.log"

    @property
    def place(self) -> Path:
        return self.path / "place.json"

    @property
    def sent(self) -> Path:
        return self.path / "sent"

    def make(self) -> None:
        """Make the folders, private to the user."""
        for folder in (self.path, self.work, self.temporary):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write the whole file or nothing of it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as beside:
        json.dump(content, beside)
    Path(beside.name).rename(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The file's object, or None if there is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return content


def read_note(path: Path) -> str | None:
    """The beginning of a file that the run itself wrote, or None. A link, a pipe or a device is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return file.read(_LONGEST_NOTE).decode(errors="replace")
