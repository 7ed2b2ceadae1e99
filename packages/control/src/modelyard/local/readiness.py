"""Waiting for programs of the stack until they answer, or until one shows that it will not."""

import http.client
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelyard.errors import Unavailable
from modelyard.supervision.log_tail import last_reason
from modelyard.supervision.supervisor import ProcessState, Supervisor

_PROBE_SECONDS = 2.0
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Awaited:
    """A program, and the address that answers 200 when it is ready."""

    program: str
    title: str
    host: str
    port: int
    path: str


def await_ready(
    supervisor: Supervisor, awaited: Sequence[Awaited], *, seconds: float, tell: Callable[[Awaited, float], None]
) -> None:
    """Return when all answer; `tell` is called as each does, with the seconds that it took.

    Raises:
        Unavailable: one ended instead, or `seconds` went by (code `<program>_failed`); with the reason in its log.
    """
    start = time.monotonic()
    missing = list(awaited)
    while missing:
        for one in list(missing):
            if _answers(one):
                missing.remove(one)
                tell(one, time.monotonic() - start)
            elif time.monotonic() - start > seconds:
                raise _failure(supervisor, one, f"is not ready after {seconds:.0f} s")
            elif _has_ended(supervisor, one):
                raise _failure(supervisor, one, "ends before it is ready")
        time.sleep(_PAUSE_SECONDS)


def _answers(one: Awaited) -> bool:
    connection = http.client.HTTPConnection(one.host, one.port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", one.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _has_ended(supervisor: Supervisor, one: Awaited) -> bool:
    state = supervisor.state(one.program)
    return state is None or state.state not in {ProcessState.STARTING, ProcessState.RUNNING}


def _failure(supervisor: Supervisor, one: Awaited, what: str) -> Unavailable:
    state = supervisor.state(one.program)
    said = "" if state is None else last_reason(state.log)
    reason = f"{what}: {said}" if said else what
    where = "" if state is None else f" (log: {state.log})"
    return Unavailable(f"{one.title} {reason}{where}", code=f"{one.program}_failed")
