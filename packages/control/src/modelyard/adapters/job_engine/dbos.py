"""Durable jobs on DBOS: each step's result is a row in its database, and a restart goes on after the last one."""

from collections.abc import Callable, Mapping
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID

from modelyard.ports.job_engine import Workflow

_QUEUE = "jobs"
# Jobs are recovered by the version that they were begun with. Ours stays the same until a workflow's order of steps
# changes; then it is counted up, and the old jobs are drained by the old release first.
_WORKFLOW_VERSION = "1"
_POLLING_SECONDS = 0.2


class DbosJobEngine:
    """The port `JobEngine` on DBOS. One a process, since DBOS itself is one."""

    def __init__(self, *, database_url: str, concurrency: int) -> None:
        self._concurrency = concurrency
        self._workflows: Mapping[str, Workflow] = {}
        DBOS(
            config=DBOSConfig(
                name="modelyard",
                system_database_url=database_url,
                application_version=_WORKFLOW_VERSION,
                executor_id="local",
                max_executor_threads=concurrency + 4,
                log_level="WARNING",
            )
        )

        @DBOS.workflow(name="job")
        def run_job(kind: str, job_id: str) -> None:
            self._workflows[kind](job_id, _DbosSteps())

        self._run_job = run_job

    def register(self, workflows: Mapping[str, Workflow]) -> None:
        """See the port."""
        self._workflows = workflows

    def start(self) -> None:
        """See the port."""
        DBOS.launch()
        DBOS.register_queue(_QUEUE, worker_concurrency=self._concurrency, polling_interval_sec=_POLLING_SECONDS)

    def submit(self, *, job_id: str, kind: str) -> None:
        """See the port."""
        with SetWorkflowID(job_id):
            DBOS.enqueue_workflow(_QUEUE, self._run_job, kind, job_id)

    def stop(self) -> None:
        """See the port."""
        DBOS.destroy(workflow_completion_timeout_sec=0)


class _DbosSteps:
    """The port `Steps` inside a DBOS workflow."""

    def run(self, name: str, step: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """See the port."""
        return DBOS.run_step({"name": name}, step)
