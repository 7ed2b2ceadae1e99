"""Durable jobs on DBOS: each step's result is a row in its database, and a restart goes on after the last one.

DBOS writes down which process (its "executor") runs a workflow, and records a step's result for that one only. Who is
dead it does not know: that is said by `take_over`.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import sqlalchemy
from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy.exc import DBAPIError

from modelyard.errors import Unavailable
from modelyard.ports.job_engine import Workflow

_QUEUE = "jobs"
# Jobs are recovered by the version that they were begun with. Ours stays the same until a workflow's order of steps
# changes; then it is counted up, and the old jobs are drained by the old release first.
_WORKFLOW_VERSION = "1"
_POLLING_SECONDS = 0.2
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})


class DbosJobEngine:
    """The port `JobEngine` on DBOS. One a process, since DBOS itself is one."""

    def __init__(self, *, database_url: str, concurrency: int) -> None:
        self.process = uuid4().hex
        self._concurrency = concurrency
        self._workflows: Mapping[str, Workflow] = {}
        self._engine = _sqlite_engine(database_url) if database_url.startswith("sqlite") else None
        DBOS(
            config=DBOSConfig(
                name="modelyard",
                system_database_url=database_url,
                system_database_engine=self._engine,
                application_version=_WORKFLOW_VERSION,
                executor_id=self.process,
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

    def working(self) -> Collection[str]:
        """See the port."""
        with _translated():
            begun = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {workflow.executor_id for workflow in begun if workflow.executor_id is not None}

    def take_over(self, process: str) -> None:
        """See the port."""
        with _translated():
            DBOS._recover_pending_workflows([process])  # noqa: SLF001  # DBOS offers it to its own conductor only.

    def submit(self, *, job_id: str, kind: str) -> None:
        """See the port."""
        with SetWorkflowID(job_id):
            DBOS.enqueue_workflow(_QUEUE, self._run_job, kind, job_id)

    def stop(self) -> None:
        """See the port."""
        DBOS.destroy(workflow_completion_timeout_sec=0)
        if self._engine is not None:
            self._engine.dispose()


def _sqlite_engine(url: str) -> sqlalchemy.Engine:
    """As DBOS makes its own, but that a full disk is waited for, as a lock is: else a job's step would be lost."""
    engine = sqlalchemy.create_engine(url)

    @sqlalchemy.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sqlalchemy.event.listens_for(engine, "handle_error")
    def wait_for_space(context: sqlalchemy.engine.ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlite_errorcode", None) in _FULL:
            # DBOS repeats what it finds these words in, and has no other way to be asked.
            raise sqlite3.OperationalError("database is locked: the disk is full")

    return engine


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as exc:
        raise Unavailable("the database of jobs does not answer", code="database_unavailable") from exc


class _DbosSteps:
    """The port `Steps` inside a DBOS workflow."""

    def run(self, name: str, step: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """See the port."""
        return DBOS.run_step({"name": name}, step)
