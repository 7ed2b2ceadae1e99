"""The moving display of a job on a terminal."""

import time
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from modelyard_client.cli.terminal import clean, span

if TYPE_CHECKING:
    from types import TracebackType

    from modelyard_client.jobs import Job

_PHASES = {
    "training": ("training", "registering"),
    "one_click": ("training", "registering", "building", "deploying"),
    "deployment": ("building", "deploying"),
    "registration": ("registering",),
    "import": ("importing",),
    "deletion": ("undeploying", "removing_images", "removing_versions", "removing_runs"),
}
_MARKS = {
    "succeeded": Text("✓", style="green"),
    "failed": Text("✗", style="red"),
    "cancelled": Text("■", style="yellow"),
}


class LiveDisplay:
    """The phases of one job with their times, and the last line of its log. It is left standing when the job ends."""

    def __init__(self, console: Console | None = None) -> None:
        self._job: Job | None = None
        self._began: dict[str, float] = {}
        self._line = ""
        self._spinner = Spinner("dots")
        self._live = Live(
            console=console or Console(stderr=True), get_renderable=self._render, refresh_per_second=8, transient=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, error_type: "type[BaseException] | None", error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._live.stop()

    def changed(self, job: "Job") -> None:
        self._job = job
        self._began.setdefault("ended" if job.is_finished else job.phase or "queued", time.monotonic())
        self._live.refresh()

    def said(self, line: str) -> None:
        if line.strip():
            self._line = clean(line)

    def _render(self) -> RenderableType:
        job = self._job
        if job is None:
            return Text("")
        title = Text(f"{job.model_name or 'job'}  {job.job_id}", style="bold")
        phases = Table.grid(padding=(0, 2, 0, 0))
        for phase in _PHASES.get(job.kind, ()) or tuple(self._began):
            phases.add_row(self._mark(job, phase), Text(phase), Text(self._time(phase), style="dim"))
        if job.is_finished or not self._line:
            return Group(title, phases)
        return Group(title, phases, Text(self._line, style="dim", no_wrap=True, overflow="ellipsis"))

    def _mark(self, job: "Job", phase: str) -> RenderableType:
        if phase not in self._began:
            return _MARKS["succeeded"] if job.is_succeeded else Text(" ")
        if phase != job.phase or job.is_succeeded:
            return _MARKS["succeeded"]
        return _MARKS.get(job.status, self._spinner)

    def _time(self, phase: str) -> str:
        began = self._began.get(phase)
        if began is None:
            return ""
        ended = min((moment for moment in self._began.values() if moment > began), default=time.monotonic())
        return span(ended - began)
