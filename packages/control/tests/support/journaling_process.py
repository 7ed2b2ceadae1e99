"""A control plane that is one of several on a database, and writes each step of its jobs down when it begins and ends.

Steps take a moment longer than they need, so that a kill hits them. What it deploys to are files, as servers that
outlive a process are. Settings come by the environment; `JOURNAL` names the file.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from fragile_process import FolderTarget

from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.runner import FakeRunner
from modelyard.logs import configure_logs
from modelyard.main import ControlPlane, real_adapters
from modelyard.ports.job_engine import JobEngine, Steps, Workflow
from modelyard.settings import Settings

_STEP_SECONDS = 0.3


class Journal:
    """Lines of what happened, from several processes in one file: each is one write to its end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, **entry: Any) -> None:
        line = json.dumps({"pid": os.getpid(), "at": time.time(), **entry})
        self._file.write(line.encode() + b"\n")


class JournalingEngine:
    """The port `JobEngine` on another engine, whose steps are written down."""

    def __init__(self, engine: JobEngine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal
        self.process = engine.process
        self.start, self.submit, self.stop = engine.start, engine.submit, engine.stop
        self.working, self.take_over = engine.working, engine.take_over

    def register(self, workflows: Mapping[str, Workflow]) -> None:
        """See the port."""
        self._engine.register({kind: self._journaling(workflow) for kind, workflow in workflows.items()})

    def _journaling(self, workflow: Workflow) -> Workflow:
        return lambda job_id, steps: workflow(job_id, _JournalingSteps(steps, job_id, self._journal))


class _JournalingSteps:
    def __init__(self, steps: Steps, job_id: str, journal: Journal) -> None:
        self._steps = steps
        self._job_id = job_id
        self._journal = journal

    def run(self, name: str, step: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """See the port."""

        def act() -> Mapping[str, Any]:
            self._journal.write(job=self._job_id, step=name, what="begun")
            time.sleep(_STEP_SECONDS)
            outcome = step()
            self._journal.write(job=self._job_id, step=name, what="ended")
            return outcome

        return self._steps.run(name, act)


def main() -> None:
    """Be a control plane until somebody ends it."""
    configure_logs(sys.stderr)
    settings = Settings()
    real = real_adapters(settings)
    adapters = replace(
        real,
        engine=JournalingEngine(real.engine, Journal(Path(os.environ["JOURNAL"]))),
        environments=FakeEnvironments(settings.storage.places.environments),
        runner=FakeRunner(),
        targets={"folder": FolderTarget(settings.storage.places.root / "running")},
    )
    control_plane = ControlPlane(settings, adapters)
    uvicorn.run(
        control_plane.app(), host=settings.http.host, port=settings.http.port, log_level="warning", access_log=False
    )


if __name__ == "__main__":
    main()
