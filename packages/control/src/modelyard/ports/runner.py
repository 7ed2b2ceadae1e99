"""Where scripts and notebooks of users run: apart from us, limited, and going on when the control plane is gone."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Protocol, runtime_checkable

from modelyard.ports.environments import Lock, LogLine
from modelyard.ports.files import FileTree
from modelyard.ports.log import LogPart

if TYPE_CHECKING:
    from modelyard.ports.tracking import Tracking

EXECUTED_NOTEBOOK = ".executed-notebook.ipynb"
"""The file in the working directory of a notebook's run that has its outputs, with `***` for secrets."""
MOST_FILES = 10_000
"""How many files of a run are named at once."""


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
    """One run of one script or notebook.

    A notebook, whose name ends in `.ipynb`, is run cell by cell: its kernel has the Python environment, and what drives
    the kernel an environment of its own, in which nothing of the notebook's is installed. What is executed is kept as
    `EXECUTED_NOTEBOOK`, also where a cell fails.

    The runner sets PATH, HOME (the working directory), TMPDIR and one variable for each of `inputs`. With them,
    `environment` and `secrets` are the whole environment of the process: nothing else of ours is handed down.
    """

    run_key: str
    """Names the run for good, in the form `<name>/<number>`: letters, digits, `-` and `_`."""
    python_environment: str
    """Digest of the lock of the Python environment that runs the script, or the notebook's kernel."""
    script_name: str
    """A file's name; where there is a project, a path below it."""
    script_content: str | None
    """None where the script is one of the project's files; else it takes the place of such a file."""
    environment: Mapping[str, str]
    limits: Limits
    notebook_driver: str | None = None
    """Digest of the lock of the environment from which a notebook is driven; None of a script."""
    arguments: tuple[str, ...] = ()
    """What the script finds in `sys.argv` after its own name."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """More variables. They are written to no file, and replaced by `***` in the log and in the outcome."""
    project: FileTree | None = None
    """Files that are laid into the working directory."""
    inputs: Mapping[str, FileTree] = field(default_factory=dict)
    """Files that the script may read only, by the variable that holds the path of their folder."""
    is_transient: bool = False
    """Whether nobody asks for the run once its starter is gone. What is left of it may be removed after a day."""


class RunPhase(StrEnum):
    """Where a run is."""

    UNKNOWN = "unknown"  # Never started here.
    RUNNING = "running"
    FINISHED = "finished"  # `exit_code` and `reason` are set.
    LOST = "lost"  # It was started, it is gone, and it left no outcome: killed from outside, or the machine went down.


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What one sees of a run. `reason` is one sentence for people: why it did not end well, or has not begun yet."""

    phase: RunPhase
    exit_code: int | None = None
    reason: str | None = None
    tracking_uri: str | None = None
    """Where the script's MLflow client pointed at the end, when it was another place than its environment said."""


class Runner(Protocol):
    """Runs scripts apart from us, with scrubbed environments and limits.

    A script may write to its working directory and below TMPDIR only. What it leaves there is not to be trusted.

    A run's identity is its key. The runs outlive the control plane: after a restart `observe` finds them again, and
    `start` with the key of a run that was started before (running, finished or lost) starts nothing, also when two call
    at once. The outcome and the log outlive the run, and the machine that it ran on if that is another one.
    """

    def start(self, spec: RunSpec) -> None:
        """Start the run, if none was started with this key. Returns at once. A run in a place that has to be made first
        begins there as soon as whoever started it observes it.

        Raises:
            Unavailable: no process can be started now.
            Invalid: code `script_name_invalid`.
        """

    def observe(self, run_key: str) -> RunOutcome:
        """What the run does now. Never raises for a run that is not there: that is UNKNOWN. It is RUNNING while what it
        runs on does not answer.
        """

    def cancel(self, run_key: str) -> None:
        """End the run and every process that it started: SIGTERM first, SIGKILL later. Returns when none is left.

        A run that is not there or has ended: nothing to do, no error.
        """

    def discard(self, run_key: str) -> None:
        """Remove what a run that has ended left, but for its log and how it ended. Nothing there: nothing to do."""

    def forget(self, run_key: str) -> None:
        """Remove all that is left of a run that has ended. Afterwards it was never started."""

    def log_size(self, run_key: str) -> int:
        """How many bytes of what the script wrote to stdout and stderr are there now."""

    def read_log(self, run_key: str, offset: int) -> LogPart:
        """A part of that, in the order in which it was written; its end is known once the run has ended."""

    def files(self, run_key: str, folder: str) -> Sequence[str]:
        """The regular files below a folder of the working directory of a run that has ended, as paths from there,
        sorted. No link is followed, and of more than `MOST_FILES` it names as many.
        """

    def open_file(self, run_key: str, path: str) -> AbstractContextManager[IO[bytes]]:
        """A regular file in the run's working directory; no link on the way to it is followed.

        Raises:
            NotFound: code `run_file_not_found`.
        """


@runtime_checkable
class PreparesRuns(Protocol):
    """A runner that needs more than an environment on this machine before it can start runs."""

    def prepare(self, lock: Lock, *, driver: Lock | None = None, log: LogLine) -> None:
        """Make what runs with this lock need, if it is not there. Idempotent; may take minutes.

        Args:
            lock: of the Python environment.
            driver: of the environment from which a notebook is driven; None of a script.

        Raises:
            Invalid: runs with this lock cannot be had; the sentence says what can be done.
            Unavailable: what it needs does not answer.
        """


@runtime_checkable
class HasOwnTrackingAddress(Protocol):
    """A runner whose scripts reach the tracking server at another address than the control plane does."""

    @property
    def tracking_uri(self) -> str:
        """That address. Raises Unavailable where it is asked of something that does not answer."""


@runtime_checkable
class LogsElsewhere(Protocol):
    """A runner whose runs may log to another tracking server than the control plane's."""

    @property
    def foreign_tracking(self) -> "Tracking | None":
        """That server; None where it is the control plane's."""


@runtime_checkable
class RefusesRuns(Protocol):
    """A runner that cannot run everything."""

    def check(self, *, is_notebook: bool, has_project: bool, has_secrets: bool) -> None:
        """Let pass what it can run.

        Raises:
            Invalid: code `runner_cannot`; the error names the field.
        """


@runtime_checkable
class StartsLater(Protocol):
    """A runner whose runs wait for a place before they begin."""

    @property
    def start_seconds(self) -> float:
        """How long at most."""
