"""The processes of a local stack as data, for `modelyard status`. It asks the supervisor, and changes nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelyard.errors import Unavailable
from modelyard.home import Home
from modelyard.local.stack_file import Stack
from modelyard.supervision.programs import CONTROL, GATEWAY, MLFLOW, deployment_of
from modelyard.supervision.server_ports import ServerPorts
from modelyard.supervision.supervisor import ProcessState, ProgramState, Supervisor

_WORDS = {
    ProcessState.RUNNING: "running",
    ProcessState.STARTING: "starting",
    ProcessState.BACKOFF: "restarting",
    ProcessState.STOPPING: "stopping",
}


def local_processes(home: Path) -> list[dict[str, Any]]:
    """Every program of the stack in this folder: `name`, `state`, `pid`, `url`, `uptime_seconds`, `log_file`, `detail`.

    Empty when no `up` was ever done there; all stopped when it is down.
    """
    places = Home(home.expanduser().absolute())
    stack = Stack.read(places)
    if stack is None:
        return []
    supervisor = Supervisor(places)
    try:
        pid = supervisor.pid()
        states = [] if pid is None else list(supervisor.states())
    except Unavailable as error:
        return [_row("supervisor", "silent", detail=error.message)]
    if pid is None:
        return [_row("supervisor", "stopped", detail="`modelyard up` starts the stack")]
    log = places.supervisor / "supervisord.log"
    ports = ServerPorts(places.servers / "ports", host="127.0.0.1").claims()
    servers = {
        one.name: f"http://127.0.0.1:{ports[deployment]}"
        for one in states
        if (deployment := deployment_of(one.name)) in ports
    }
    urls = {CONTROL: stack.url, MLFLOW: stack.mlflow_url, GATEWAY: stack.gateway_url} | servers
    return [_row("supervisor", "running", pid=pid, log=log), *(_program_row(state, urls) for state in states)]


def _program_row(program: ProgramState, urls: Mapping[str, str | None]) -> dict[str, Any]:
    return _row(
        program.name,
        _WORDS.get(program.state, "stopped"),
        pid=program.pid,
        url=urls.get(program.name),
        started_at=program.started_at if program.pid is not None else None,
        log=program.log,
    )


def _row(
    name: str,
    state: str,
    *,
    pid: int | None = None,
    url: str | None = None,
    started_at: datetime | None = None,
    log: Path | None = None,
    detail: str | None = None,
) -> dict[str, Any]:
    uptime = None if started_at is None else max(0.0, (datetime.now(UTC) - started_at).total_seconds())
    log_file = None if log is None else str(log)
    return {
        "name": name,
        "state": state,
        "pid": pid,
        "url": url,
        "uptime_seconds": uptime,
        "log_file": log_file,
        "detail": detail or log_file,
    }
