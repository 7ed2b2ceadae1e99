"""What a model server of this machine does now: as its status file, its supervisor or its own address say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx

from modelyard.adapters.target.server_files import ServerFiles
from modelyard.adapters.target.status_file import ServerStatus, read_status
from modelyard.ports.target import ServerObservation, ServerState
from modelyard.supervision.generations import is_alive
from modelyard.supervision.log_tail import last_reason
from modelyard.supervision.supervisor import ProcessState, ProgramState

_LEAVING = frozenset({ProcessState.STOPPING, ProcessState.STOPPED})
_FRESH = timedelta(seconds=10)  # A server writes its status every two seconds.


def observed(files: ServerFiles, url: str, program: ProgramState | None) -> ServerObservation:
    """What the status file says, if it is fresh and of the process that runs; else what the supervisor says."""
    if program is None:  # It was applied or removed by half.
        return ServerObservation(ServerState.STARTING, url)
    seen = replace(_running(files, url, program), fingerprint=files.applied().fingerprint)
    return replace(seen, state=ServerState.DRAINING, reason=None) if program.state in _LEAVING else seen


def observed_unsupervised(files: ServerFiles, url: str) -> ServerObservation:
    """What the status file says while the supervisor does not answer.

    A server that says nothing fresh is one to apply again, which starts the supervisor as well: it has no fingerprint.
    """
    status = read_status(files.status)
    if status is None or not _is_fresh(status) or not is_alive(status.pid):
        reason = "The process supervisor does not answer, and the server does not report."
        return ServerObservation(ServerState.STARTING, url, reason)
    said = _reported(url, status)
    return replace(
        said,
        state=ServerState.DEGRADED if said.state is ServerState.READY else said.state,
        reason="The process supervisor is gone, so nothing would start it again after a crash.",
        fingerprint=files.applied().fingerprint,
    )


def reports_other_replicas(files: ServerFiles, program: ProgramState, replicas: int) -> bool:
    """Whether the process that runs has read another number than this one.

    One that has not reported yet may not handle SIGHUP yet, which would end it. If it has read another number, its
    first report says so, and the next `apply` compares again.
    """
    status = read_status(files.status)
    return status is not None and status.pid == program.pid and status.replicas != replicas


def _running(files: ServerFiles, url: str, program: ProgramState) -> ServerObservation:
    status = read_status(files.status)
    if status is not None and status.pid == program.pid and is_alive(status.pid):
        return _reported(url, status) if _is_fresh(status) else _silent(url, status)
    return _unreported(url, program)


def _is_fresh(status: ServerStatus) -> bool:
    return datetime.now(UTC) - status.updated_at < _FRESH


def _reported(url: str, status: ServerStatus) -> ServerObservation:
    replicas = [worker.observed() for worker in status.workers]
    return ServerObservation(status.state, url, status.reason(), replicas)


def _silent(url: str, status: ServerStatus) -> ServerObservation:
    """It runs and has stopped reporting: what it said is history, so its own address is asked."""
    age = (datetime.now(UTC) - status.updated_at).total_seconds()
    answers = _answers(url)
    reason = f"It has not reported for {age:.0f} s; its address {'answers' if answers else 'does not answer'}."
    return ServerObservation(ServerState.DEGRADED if answers else ServerState.FAILED, url, reason)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/health/ready", timeout=1, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _unreported(url: str, program: ProgramState) -> ServerObservation:
    """Its present process has not written a status: it is starting or stopping, or it ends before it can."""
    if program.state in {ProcessState.STARTING, ProcessState.RUNNING}:
        return ServerObservation(ServerState.STARTING, url)
    if program.state in _LEAVING:
        return ServerObservation(ServerState.DRAINING, url)
    said = last_reason(program.log).strip()
    reason = f"It ends before it can report: {said}" if said else "It ends before it can report, and says nothing."
    return ServerObservation(ServerState.FAILED, url, reason)
