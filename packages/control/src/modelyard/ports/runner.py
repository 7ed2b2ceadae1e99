"""Where scripts of users run: apart from us, limited, and going on when the control plane is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may take. Passing one ends the run, and its outcome says which."""

    seconds: float
    memory_bytes: int
    """Resident memory of the script and all its children together."""
    output_bytes: int
    """What it may write to its log; what comes later is dropped and said so, the run goes on."""
    disk_bytes: int
    """The largest file that it may write."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run of one script.

    `folder` is the run's own, made by the runner; the script's working directory is `folder / "work"`. `environment`
    and `secrets` are the whole environment of the process: nothing else of ours is handed down.
    """

    run_key: str
    folder: Path
    python: Path
    script_name: str
    """A file's name; where there is a project, a path below it."""
    script_content: str | None
    """None where the script is one of the project's files."""
    environment: Mapping[str, str]
    limits: Limits
    arguments: tuple[str, ...] = ()
    """What the script finds in `sys.argv` after its own name."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """More variables. They are written to no file, and replaced by `***` in the log and in the outcome."""
    project: Path | None = None
    """A folder whose content is laid into the working directory. It holds plain files and folders only."""
    readable: Sequence[Path] = ()
    """What it reads besides its own folder and its Python's environment: a model's files, say."""


class RunPhase(StrEnum):
    """Where a run is."""

    UNKNOWN = "unknown"  # Never started here.
    RUNNING = "running"
    FINISHED = "finished"  # `exit_code` and `reason` are set.
    LOST = "lost"  # It was started, it is gone, and it left no outcome: killed from outside, or the machine went down.


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What one sees of a run. `reason` is one sentence for people when the run did not end well, else None."""

    phase: RunPhase
    exit_code: int | None = None
    reason: str | None = None
    tracking_uri: str | None = None
    """Where the script's MLflow client pointed at the end, when it was another place than its environment said."""


class Runner(Protocol):
    """Runs scripts in a process group of their own, with scrubbed environments and limits.

    A script may write below `folder / "work"` and `folder / "tmp"` only. What it leaves there is not to be trusted:
    links and pipes may stand for files.

    The runs outlive the control plane: after a restart `observe` finds them again by folder, and `start` on a folder
    whose run was started before (running, finished or lost) starts nothing, also when two call at once.
    """

    def start(self, spec: RunSpec) -> None:
        """Start the run, if this folder was never started. Returns at once.

        Raises:
            Unavailable: the machine cannot start a process now.
        """

    def observe(self, folder: Path) -> RunOutcome:
        """What the run does now. Never raises for a run that is not there: that is UNKNOWN."""

    def cancel(self, folder: Path) -> None:
        """End the run and every process that it started, first kindly (SIGTERM), then not. Returns when none is left.

        A run that is not there or has ended: nothing to do, no error.
        """

    def discard(self, folder: Path) -> None:
        """Remove what a run that has ended left, but for its log and how it ended. Nothing there: nothing to do."""

    def log_path(self, folder: Path) -> Path:
        """The file that takes what the script writes to stdout and stderr, in order, as it is written."""
