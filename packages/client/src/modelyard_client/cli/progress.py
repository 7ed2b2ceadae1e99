"""Waiting for a job in sight of a person: its phases as they pass and the last line of its log, all on stderr.

On a terminal the display moves; elsewhere each phase is one line. A wait that is interrupted leaves the job alone.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from modelyard_client.cli.terminal import clean, is_watched, say
from modelyard_client.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard_client.client import Client
    from modelyard_client.deployment import Deployment
    from modelyard_client.jobs import Job

_LOG_GRACE = 5.0


class Display(AbstractContextManager["Display"], Protocol):
    """What shows a job that is waited for."""

    def changed(self, job: "Job") -> None:
        """The job has a new status, phase or progress."""

    def said(self, line: str) -> None:
        """The job's log has a new line. Called from another thread."""


class PhaseLines:
    """A line for each phase; with the log, also its lines."""

    def __init__(self, *, shows_log: bool) -> None:
        self._shows_log = shows_log
        self._last: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def changed(self, job: "Job") -> None:
        now = job.status if job.is_finished or job.phase is None else job.phase
        if now != self._last:
            self._last = now
            say(f"{job.job_id}  {now}")

    def said(self, line: str) -> None:
        if self._shows_log:
            say(clean(line))


def wait_for_job(client: "Client", job_id: str, *, shows_log: bool, seconds: float | None = None) -> "Job":
    """The job once it has ended, well or not.

    Raises:
        WaitTimedOut: it did not end within `seconds`.
    """
    if is_watched() and not shows_log:
        from modelyard_client.cli.live import LiveDisplay

        display: Display = LiveDisplay()
        follows = True
    else:
        display, follows = PhaseLines(shows_log=shows_log), shows_log
    try:
        with display:
            tail = _follow(client, job_id, display.said) if follows else None
            job = client.jobs.wait(job_id, on_change=display.changed, timeout=seconds)
            if tail is not None:
                tail.join(_LOG_GRACE)
            return job
    except KeyboardInterrupt:
        say(f"{job_id} goes on; `modelyard jobs show {job_id}` shows its status")
        raise


def _follow(client: "Client", job_id: str, said: Callable[[str], None]) -> threading.Thread:
    def run() -> None:
        try:
            for line in client.jobs.follow_log(job_id):
                said(line.text)
        except (ModelyardError, RuntimeError):
            return  # The log is optional; waiting for the job reports errors. RuntimeError: the client was closed.

    thread = threading.Thread(target=run, daemon=True, name=f"log of {job_id}")
    thread.start()
    return thread


def say_deployment(deployment: "Deployment") -> None:
    """One line for each change of a deployment that is waited for."""
    say(
        f"{deployment.deployment_id}  {deployment.status}  "
        f"{deployment.ready_replicas} of {deployment.replicas} ready  {deployment.reason or ''}".rstrip()
    )
