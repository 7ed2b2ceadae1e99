"""The folders of runs on this machine: which is whose, how a run ended, what it wrote and what it left."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from modelyard.adapters.runner.laid_files import below
from modelyard.adapters.runner.run_folder import RunFolder, read_json
from modelyard.errors import Invalid, NotFound
from modelyard.isolation.untrusted_files import open_regular, regular_files
from modelyard.log_file import LogFile
from modelyard.ports.log import LogPart
from modelyard.ports.runner import MOST_FILES, RunOutcome, RunPhase, RunSpec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True)
class RunStore:
    """Folders of runs below `folder`: that of the key `job-1/2` is `job-1/run-2`."""

    folder: Path

    def place(self, run_key: str) -> RunFolder:
        """The run's folder."""
        name, _, number = run_key.partition("/")
        if not (_NAME.fullmatch(name) and number.isascii() and number.isdecimal()):
            raise ValueError(f"A run's key is `<name>/<number>`; {run_key!r} came.")
        return RunFolder(self.folder / name / f"run-{number}")

    @staticmethod
    def key_of(folder: Path) -> str:
        """The key of the run whose folder this is."""
        return f"{folder.parent.name}/{folder.name.removeprefix('run-')}"

    def outcome(self, run_key: str) -> RunOutcome | None:
        """How the run ended, once that is written."""
        ended = read_json(self.place(run_key).outcome)
        if ended is None:
            return None
        return RunOutcome(
            RunPhase.FINISHED,
            exit_code=ended["exit_code"],
            reason=ended["reason"],
            tracking_uri=ended.get("tracking_uri"),
        )

    def log_size(self, run_key: str) -> int:
        """Of the log in the run's folder."""
        return LogFile(self.place(run_key).log).size()

    def read_log(self, run_key: str, offset: int, *, has_ended: bool) -> LogPart:
        """A part of that log, to which nothing is written after the end."""
        return LogFile(self.place(run_key).log).read(offset, is_closed=has_ended)

    def files(self, run_key: str, folder: str) -> Sequence[str]:
        """The regular files of the working directory, below a folder of it."""
        return regular_files(self.place(run_key).work, str(below(folder)), limit=MOST_FILES)

    @contextmanager
    def open_file(self, run_key: str, path: str) -> Iterator[IO[bytes]]:
        """One of them. Raises NotFound, code `run_file_not_found`."""
        with ExitStack() as opened:
            try:
                file = opened.enter_context(open_regular(self.place(run_key).work, str(below(path))))
            except OSError as exc:
                raise NotFound(f"the run has no file {path!r}", code="run_file_not_found") from exc
            yield file

    def discard(self, run_key: str) -> None:
        """Remove the folders that the script may write to, and copies of what it was given."""
        run = self.place(run_key)
        for folder in (run.work, run.temporary, run.inputs):
            shutil.rmtree(folder, ignore_errors=True)

    def forget(self, run_key: str) -> None:
        """Remove the run's folder, and the one around it when that is empty."""
        run = self.place(run_key)
        shutil.rmtree(run.path, ignore_errors=True)
        with suppress(OSError):
            run.path.parent.rmdir()


def checked_script_name(spec: RunSpec) -> str:
    """The script's name, which leads out of no folder.

    Raises:
        Invalid: code `script_name_invalid`.
    """
    place = PurePosixPath(spec.script_name)
    is_below = bool(place.parts) and not place.is_absolute() and not {"..", "."} & set(place.parts)
    is_plain = not {"\\", "\0"} & set(spec.script_name) and (spec.project is not None or len(place.parts) == 1)
    if not (is_below and is_plain):
        raise Invalid(
            f"script_name: expected a file's name without a folder, got {spec.script_name!r}.",
            code="script_name_invalid",
            field="script_name",
        )
    return spec.script_name
