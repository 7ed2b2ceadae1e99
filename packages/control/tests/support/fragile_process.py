"""A control plane that is killed at a moment of a job's step: `python -m modelyard`, but for its model servers.

What it deploys to outlives it, as servers do, and is a folder of files. Each line of the standard input names a moment,
`<step> <begun|done|kept>` or `never`, and begins a process that lives until then; how it ended is the line that is
written back. The processes are forked, so that each begins with everything imported.
"""

import importlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.runner import FakeRunner
from modelyard.adapters.wheels import FakeWheels
from modelyard.logs import configure_logs
from modelyard.main import ControlPlane, real_adapters
from modelyard.ports.job_engine import JobEngine, Steps, Workflow
from modelyard.ports.target import ReplicaObservation, ServerKey, ServerObservation, ServerSpec, ServerState
from modelyard.settings import Settings

NEVER = "never"


class FragileEngine:
    """The port `JobEngine` on another engine, in which the process is killed at one moment of one step."""

    def __init__(self, engine: JobEngine, moment: str) -> None:
        self._engine = engine
        self._moment = moment
        self.process = engine.process
        self.start, self.submit, self.stop = engine.start, engine.submit, engine.stop
        self.working, self.take_over = engine.working, engine.take_over

    def register(self, workflows: Mapping[str, Workflow]) -> None:
        """See the port."""
        self._engine.register({kind: self._fragile(workflow) for kind, workflow in workflows.items()})

    def _fragile(self, workflow: Workflow) -> Workflow:
        return lambda job_id, steps: workflow(job_id, _FragileSteps(steps, self._moment))


class _FragileSteps:
    def __init__(self, steps: Steps, moment: str) -> None:
        self._steps = steps
        self._moment = moment

    def run(self, name: str, step: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """See the port."""

        def act() -> Mapping[str, Any]:
            self._pass(f"{name} begun")
            reported = step()
            self._pass(f"{name} done")
            return reported

        reported = self._steps.run(name, act)
        self._pass(f"{name} kept")
        return reported

    def _pass(self, moment: str) -> None:
        if moment == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)


class FolderTarget:
    """The port `Target` whose servers are files: they are ready at once, and are there when the process is not."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def apply(self, spec: ServerSpec) -> None:
        """See the port."""
        folder = self._folder / spec.deployment_id
        folder.mkdir(exist_ok=True)
        (folder / str(spec.generation)).write_text(spec.fingerprint)

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """See the port."""
        return self.observe_all().get(ServerKey(deployment_id, generation), ServerObservation(ServerState.ABSENT))

    def observe_all(self) -> Mapping[ServerKey, ServerObservation]:
        """See the port."""
        replica = ReplicaObservation(0, "ready", None, 0, None, None, None)
        return {
            ServerKey(path.parent.name, int(path.name)): ServerObservation(
                ServerState.READY, "http://127.0.0.1:1", replicas=[replica], fingerprint=path.read_text()
            )
            for path in self._folder.glob("*/*")
        }

    def retire(self, deployment_id: str, generation: int) -> None:
        """See the port."""
        (self._folder / deployment_id / str(generation)).unlink(missing_ok=True)

    def remove(self, deployment_id: str) -> None:
        """See the port."""
        shutil.rmtree(self._folder / deployment_id, ignore_errors=True)


def serve(moment: str) -> None:
    """Be the control plane of the settings until the moment comes."""
    configure_logs(sys.stderr)
    settings = Settings()
    real = real_adapters(settings)
    adapters = replace(
        real,
        engine=FragileEngine(real.engine, moment),
        environments=FakeEnvironments(settings.storage.places.environments),
        runner=FakeRunner(),
        targets={"folder": FolderTarget(settings.storage.places.root / "running")},
        wheels=FakeWheels(settings.storage.places.wheelhouse),
    )
    control_plane = ControlPlane(settings, adapters)
    uvicorn.run(
        control_plane.app(), host=settings.http.host, port=settings.http.port, log_level="warning", access_log=False
    )


def main() -> None:
    """Begin a process for each line."""
    importlib.import_module("mlflow")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.close(sys.stdin.fileno())
            serve(line.strip())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{-os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
