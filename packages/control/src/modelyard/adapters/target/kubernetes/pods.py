"""What a pod is doing, and why it is not ready, in one plain sentence. Pure."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from modelyard.adapters.target.kubernetes.place import GENERATION
from modelyard.ports.target import ReplicaObservation

Object = Mapping[str, Any]

_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff"})
"""Waiting for one of these, a node could not pull the image, and tries again."""
_FAILING = frozenset(
    {
        "CrashLoopBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
"""Waiting for one of these, a container has failed, and is tried again with back-off."""
_ENDED = frozenset({"Succeeded", "Failed"})
_EXCEPTION = re.compile(r"(\w+\.)*\w*(Error|Exception|Unavailable): ")
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of a model server."""

    name: str
    namespace: str
    uid: str
    generation: int
    created: str
    state: str
    """`ready`, `starting`, `backoff` or `draining`."""
    reason: str | None
    """Why it is not ready, or has ended last."""
    restarts: int
    started_at: datetime | None

    @property
    def is_counted(self) -> bool:
        """Whether it is one of the replicas: it was not asked to go."""
        return self.state != "draining"

    def observed(self, index: int) -> ReplicaObservation:
        """As the port has it."""
        return ReplicaObservation(
            index=index,
            state=self.state,
            pid=None,
            restarts=self.restarts,
            rss_bytes=None,
            last_exit=self.reason,
            started_at=self.started_at,
        )


def pod_of(found: Object, *, now: datetime, pull_grace: timedelta) -> Pod:
    """A pod as the cluster has it. That its image is not pulled is no failure for as long as `pull_grace`."""
    metadata, status = found["metadata"], found.get("status", {})
    containers: Sequence[Object] = status.get("containerStatuses") or ()
    running: Object = next((one["state"]["running"] for one in containers if "running" in one.get("state", {})), {})
    started = running.get("startedAt")
    return Pod(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=generation_of(metadata["labels"]),
        created=metadata.get("creationTimestamp") or "",
        state=_state(found, containers, is_pull_late=_age(metadata, now) >= pull_grace),
        reason=_reason(status, containers),
        restarts=sum(one.get("restartCount", 0) for one in containers),
        started_at=None if started is None else datetime.fromisoformat(started),
    )


def generation_of(labels: Mapping[str, str]) -> int:
    """As the labels have it; the first one where somebody has spoilt them."""
    text = labels.get(GENERATION, "")
    return int(text) if text.isdecimal() else 1


def with_event_reasons(pods: Iterable[Pod], events: Iterable[Object]) -> list[Pod]:
    """The same pods, where one that is not ready and says nothing has the reason of its last warning."""
    warnings: dict[str, str] = {}
    for event in sorted(events, key=lambda one: one.get("lastTimestamp") or one.get("eventTime") or ""):
        if event.get("reason") != "Unhealthy":  # That a probe fails says no more than that the pod is not ready.
            message = event.get("message") or ""
            warnings[event["involvedObject"].get("uid", "")] = _sentence(event.get("reason"), message)
    return [
        pod if pod.reason is not None or pod.state == "ready" else replace(pod, reason=warnings.get(pod.uid))
        for pod in pods
    ]


def _age(metadata: Object, now: datetime) -> timedelta:
    """How long ago a pod was made."""
    return now - datetime.fromisoformat(metadata["creationTimestamp"])


def _state(found: Object, containers: Sequence[Object], *, is_pull_late: bool) -> str:
    status = found.get("status", {})
    if found["metadata"].get("deletionTimestamp") is not None or status.get("phase") in _ENDED:
        return "draining"
    if any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ()):
        return "ready"
    failing = _FAILING | _PULLING if is_pull_late else _FAILING
    return "backoff" if any(_waiting(one).get("reason") in failing for one in containers) else "starting"


def _reason(status: Object, containers: Sequence[Object]) -> str | None:
    for one in containers:
        waiting, ended = _waiting(one), _last_end(one)
        if waiting.get("reason") == "CrashLoopBackOff" and ended:
            return f"CrashLoopBackOff: {_end(ended)}"
        if waiting.get("reason") in _FAILING | _PULLING:
            return _sentence(waiting["reason"], waiting.get("message") or "")
        if ended:
            return _end(ended)
    unscheduled = next(
        (one for one in status.get("conditions") or () if one["type"] == "PodScheduled" and one["status"] == "False"),
        None,
    )
    if unscheduled is not None:
        return _sentence(unscheduled.get("reason"), unscheduled.get("message") or "")
    return _sentence(status["reason"], status.get("message") or "") if "reason" in status else None


def _waiting(container: Object) -> Object:
    waiting: Object = container.get("state", {}).get("waiting") or {}
    return waiting


def _last_end(container: Object) -> Object:
    ended: Object = (
        container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated") or {}
    )
    return ended


def _end(ended: Object) -> str:
    """`OOMKilled`, or the exception that the container's last lines have, or its exit code."""
    if ended.get("reason") == "OOMKilled":
        return "OOMKilled: it took more memory than it may have"
    lines = [line.rstrip() for line in (ended.get("message") or "").splitlines() if line.strip()]
    errors = [_logged_error(line) or (line if _EXCEPTION.match(line) else None) for line in reversed(lines)]
    said = next((error for error in errors if error is not None), lines[-1] if lines else "")
    return _sentence(f"it ended with code {ended.get('exitCode')}", said)


def _logged_error(line: str) -> str | None:
    """The message of an error, where the line is one of our model server's log."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    is_error = isinstance(content, dict) and content.get("level") == "error"
    return str(content.get("message")) if is_error else None


def _sentence(word: str | None, text: str) -> str:
    text = " ".join(text.split())[:_LONGEST]
    return f"{word}: {text}" if word and text else word or text
