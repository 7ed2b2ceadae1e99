"""What a generation of servers does, from its record, its replicas, and what the balancer knows of these. Pure."""

from collections.abc import Callable, Sequence

from modelyard.adapters.target.balanced.platform import Phase, Replica
from modelyard.adapters.target.balanced.records import Record
from modelyard.ports.target import ReplicaObservation, ServerObservation, ServerState

_STARTING, _BACKOFF = "starting", "backoff"


def observation(
    record: Record | None,
    staying: Sequence[Replica],
    is_ready: Callable[[Replica], bool],
    *,
    url: str | None,
    is_settled: bool,
    trouble: str | None,
) -> ServerObservation:
    """Args:
    staying: the replicas of the generation that are not to leave.
    is_settled: whether all of the record is so.
    trouble: why nobody answers at the address though a replica would.
    """
    if record is not None and record.is_draining:
        return ServerObservation(ServerState.DRAINING, url, fingerprint=record.fingerprint)
    shown = _one_for_each_index(staying, is_ready)
    observed = [_observed(one, is_ready=is_ready(one)) for one in shown]
    wanted = len(shown) if record is None else record.replicas
    state = _state(observed, wanted)
    return ServerObservation(
        state=state,
        url=url,
        reason=None if state is ServerState.READY else trouble or _reason(observed) or _silence_of(shown, is_ready),
        replicas=observed,
        fingerprint=record.fingerprint if record is not None and is_settled else None,
    )


def _one_for_each_index(replicas: Sequence[Replica], is_ready: Callable[[Replica], bool]) -> list[Replica]:
    """While one takes the place of another, the one that is ready is shown."""
    by_index: dict[int, Replica] = {}
    for one in sorted(replicas, key=is_ready):
        by_index[one.index] = one
    return [one for _, one in sorted(by_index.items())]


def _observed(replica: Replica, *, is_ready: bool) -> ReplicaObservation:
    state = ServerState.READY.value if is_ready else _BACKOFF if _has_failed(replica) else _STARTING
    return ReplicaObservation(
        index=replica.index,
        state=state,
        pid=None,  # Of another machine, or of a container's own numbering.
        restarts=replica.restarts,
        rss_bytes=None,
        last_exit=replica.last_exit,
        started_at=replica.started_at,
    )


def _silence(replica: Replica) -> str | None:
    """What is to be said of one that its platform runs, and that the balancer does not find ready."""
    if replica.phase is not Phase.RUNNING or replica.endpoint is None:
        return None
    place = f"{replica.endpoint.host}:{replica.endpoint.port}"
    return f"replica {replica.index} runs and is not ready: it loads its model, or cannot be reached at {place}"


def _has_failed(replica: Replica) -> bool:
    return replica.phase is Phase.FAILED or (replica.restarts > 0 and replica.last_exit is not None)


def _state(replicas: Sequence[ReplicaObservation], wanted: int) -> ServerState:
    ready = sum(one.state == ServerState.READY for one in replicas)
    if replicas and ready >= wanted:
        return ServerState.READY
    if ready:
        return ServerState.DEGRADED
    return ServerState.FAILED if any(one.state == _BACKOFF for one in replicas) else ServerState.STARTING


def _silence_of(replicas: Sequence[Replica], is_ready: Callable[[Replica], bool]) -> str | None:
    return next((said for one in replicas if not is_ready(one) and (said := _silence(one)) is not None), None)


def _reason(replicas: Sequence[ReplicaObservation]) -> str | None:
    return next((one.last_exit for one in replicas if one.state != ServerState.READY and one.last_exit), None)
