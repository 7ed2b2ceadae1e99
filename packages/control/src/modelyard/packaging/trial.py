"""One isolated, bounded run of a script of ours over a model's files: the model's code runs there and nowhere else."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from modelyard.isolation.untrusted_files import copy_regular
from modelyard.ports.clock import Clock
from modelyard.ports.runner import Limits, Runner, RunOutcome, RunPhase, RunSpec

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 30
"""What a run may take beyond its own limit until it is given up."""


def run_trial(
    runner: Runner, clock: Clock, folder: Path, *, python: Path, script: str, model: Path, limits: Limits
) -> RunOutcome:
    """Run the script to its end. Of ours it may read the model, and write below its own folder."""
    runner.start(
        RunSpec(
            run_key=folder.parent.name,
            folder=folder,
            python=python,
            script_name="trial.py",
            script_content=script,
            environment=_environment(folder, python),
            limits=limits,
            readable=[model],
        )
    )
    deadline = clock.now().timestamp() + limits.seconds + _GRACE_SECONDS
    while (outcome := runner.observe(folder)).phase is RunPhase.RUNNING:
        if clock.now().timestamp() > deadline:
            runner.cancel(folder)
            return RunOutcome(RunPhase.LOST, reason="it did not end within its limit")
        clock.sleep(_POLL_SECONDS)
    return outcome


def reason_of(runner: Runner, folder: Path, outcome: RunOutcome) -> str:
    """Why the run did not end well, in one sentence."""
    if outcome.reason:
        return outcome.reason
    if outcome.phase is RunPhase.LOST:
        return "its process was killed from outside"
    lines = runner.log_path(folder).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else f"exit code {outcome.exit_code}"


def taken(work: Path, paths: Sequence[str], place: Path) -> list[Path]:
    """Copies of these files of the trial, as far as they are there and are regular files."""
    place.mkdir()
    copies = []
    for path in paths:
        copy = place / Path(path).name
        with suppress(OSError):
            copy_regular(work, path, copy)
            copies.append(copy)
    return copies


def _environment(folder: Path, python: Path) -> dict[str, str]:
    """All that the run sees. One thread for each library: the trial shares the machine with models that serve."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder / "work"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",  # Beside a model's own code, it would be a file more than was registered.
        **threads,
    }
