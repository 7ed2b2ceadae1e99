"""The executed notebooks of jobs: kept in the job's folder, and added to the runs of the tracker that were made."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from modelyard.errors import NotFound
from modelyard.jobs.domain import Job
from modelyard.ports.runner import EXECUTED_NOTEBOOK, RunPhase
from modelyard.ports.tracking import TrackedRun, Tracking
from modelyard.training.project_code import RunFiles
from modelyard_client.notebooks import is_notebook

MAX_EXECUTED_BYTES = 64 * 1024 * 1024
_MOST_RUNS = 20
"""Runs of one notebook that get it: a search may make hundreds."""
_TRACKED_FOLDER = "notebook"


@dataclass(frozen=True, slots=True)
class ExecutedNotebooks:
    """What notebooks looked like when they ended, well or not.

    Args:
        folder: holds a folder for each job.
        scratch: holds folders for a moment.
    """

    folder: Path
    scratch: Path
    tracking: Tracking

    def keep(self, job: Job, run: RunFiles) -> bool:
        """Copy it from the files of a run that has ended; says whether there is one.

        Secrets were masked where the run ended: what a lost run left is not kept.
        """
        if not is_notebook(job.request["script_name"]):
            return False
        if run.runner.observe(run.run_key).phase is not RunPhase.FINISHED:
            return False
        place = self._place(job)
        beside = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            run.copy(EXECUTED_NOTEBOOK, beside)
            is_kept = beside.stat().st_size <= MAX_EXECUTED_BYTES
            if is_kept:
                beside.rename(place)
        except NotFound:
            is_kept = False
        finally:
            beside.unlink(missing_ok=True)
        return is_kept

    def add_to_runs(self, job: Job, runs: Sequence[TrackedRun]) -> None:
        """Put it among the files of the tracker's runs, of which the oldest count."""
        if not runs or not self._place(job).exists():
            return
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.scratch, prefix="notebook-") as folder:
            copy = Path(folder, _TRACKED_FOLDER, PurePosixPath(job.request["script_name"]).name)
            copy.parent.mkdir()
            copy.write_bytes(self._place(job).read_bytes())
            for run in runs[:_MOST_RUNS]:
                with suppress(NotFound):  # Somebody has deleted it meanwhile.
                    self.tracking.add_run_files(run.run_id, Path(folder))

    @contextmanager
    def open(self, job: Job) -> Iterator[IO[bytes]]:
        """The executed notebook of a job.

        Raises:
            NotFound: code `notebook_not_found`.
        """
        try:
            file = self._place(job).open("rb")
        except FileNotFoundError as exc:
            runs_one = is_notebook(job.request.get("script_name", ""))
            said = "has no executed notebook: its run has not ended, or left none" if runs_one else "runs no notebook"
            raise NotFound(f"job '{job.job_id}' {said}", code="notebook_not_found") from exc
        with file:
            yield file

    def _place(self, job: Job) -> Path:
        return self.folder / job.job_id / "notebook.ipynb"
