"""One isolated, bounded run of a script of ours over a model's files: the model's code runs there and nowhere else."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from uuid import uuid4

from modelyard.errors import NotFound
from modelyard.file_tree import FolderTree
from modelyard.ports.clock import Clock
from modelyard.ports.runner import Limits, Runner, RunOutcome, RunPhase, RunSpec

MODEL_VARIABLE = "MODELYARD_MODEL"
"""Holds the path of the model in a trial's run."""
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 30
"""What a run may take beyond its own limit until it is given up."""
_LAST_BYTES = 4096
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that has ended; its files are there as long as `ended_trial` is not left."""

    runner: Runner
    run_key: str
    outcome: RunOutcome

    def reason(self) -> str:
        """Why the run did not end well, in one sentence."""
        if self.outcome.reason:
            return self.outcome.reason
        if self.outcome.phase is RunPhase.LOST:
            return "its process was killed from outside"
        offset = max(0, self.runner.log_size(self.run_key) - _LAST_BYTES)
        lines = self.runner.read_log(self.run_key, offset).content.decode(errors="replace").strip().splitlines()
        return lines[-1][:_LONGEST] if lines else f"exit code {self.outcome.exit_code}"

    def taken(self, paths: Sequence[str], place: Path) -> list[Path]:
        """Copies of these files of the run in a new folder, as far as they are there and are regular files."""
        place.mkdir()
        copies = []
        for path in paths:
            with suppress(NotFound), self.runner.open_file(self.run_key, path) as source:
                copy = place / PurePosixPath(path).name
                with copy.open("wb") as written:
                    shutil.copyfileobj(source, written)
                copies.append(copy)
        return copies


@contextmanager
def ended_trial(
    runner: Runner,
    clock: Clock,
    *,
    python_environment: str,
    script: str,
    model: Path,
    limits: Limits,
    beside: Mapping[str, Path] = MappingProxyType({}),
) -> Iterator[Trial]:
    """Run the script to its end. Of ours it may read the model, whose path `MODEL_VARIABLE` has, and the folders
    `beside`, by their variables."""
    run_key = f"trial-{uuid4().hex}/1"
    try:
        runner.start(
            RunSpec(
                run_key=run_key,
                python_environment=python_environment,
                script_name="trial.py",
                script_content=script,
                environment=_ENVIRONMENT,
                limits=limits,
                inputs={name: FolderTree(folder) for name, folder in {MODEL_VARIABLE: model, **beside}.items()},
                is_transient=True,
            )
        )
        yield Trial(runner, run_key, _ended(runner, clock, run_key, limits))
    finally:
        runner.cancel(run_key)
        runner.forget(run_key)


def _ended(runner: Runner, clock: Clock, run_key: str, limits: Limits) -> RunOutcome:
    deadline = clock.now().timestamp() + limits.seconds + _GRACE_SECONDS
    while (outcome := runner.observe(run_key)).phase is RunPhase.RUNNING:
        if clock.now().timestamp() > deadline:
            runner.cancel(run_key)
            return RunOutcome(RunPhase.LOST, reason="it did not end within its limit")
        clock.sleep(_POLL_SECONDS)
    return outcome


_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",  # Beside a model's own code, it would be a file more than was registered.
    # One thread for each library: the trial shares the machine with models that serve.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
"""All that the run sees besides its own places."""
