"""What controllers, scheduler and kubelets do in a real cluster, as far as a model server sees it: in one thread."""

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fake_kubernetes.store import KINDS, Kind, Object, Refused, Store, now

_BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
_NAMESPACE, _SERVICE, _POD = _BY_NAME["Namespace"], _BY_NAME["Service"], _BY_NAME["Pod"]
_DEPLOYMENT, _EVENT = _BY_NAME["Deployment"], _BY_NAME["Event"]
_MANAGER = "kube-controller-manager"
_HASH = "pod-template-hash"


@dataclass
class Behaviour:
    """How pods fare; tests change it."""

    start_seconds: float = 0.1
    stop_seconds: float = 0.1
    images: set[str] | None = None
    """What can be pulled; None for everything."""
    faults: dict[str, str] = field(default_factory=dict)
    """By image, what its server says before it ends with code 1; `OOMKilled` is that."""
    unschedulable: str | None = None
    most_pods: int | None = None
    """A quota."""
    logs: dict[str, str] = field(default_factory=dict)
    """By the uid of a pod, what it has written."""


class Controllers:
    """They run until `stop`."""

    def __init__(self, store: Store, behaviour: Behaviour) -> None:
        self._store = store
        self._behaviour = behaviour
        self._born: dict[str, float] = {}
        self._ready: dict[str, float] = {}
        self._going: dict[str, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stopped.wait(0.02):
            with self._store.lock:
                for service in self._store.all(_SERVICE):
                    self._balance(service)
                for pod in self._store.all(_POD):
                    self._run_pod(pod)
                for deployment in self._store.all(_DEPLOYMENT):
                    self._roll(deployment)

    def _balance(self, service: Object) -> None:
        if service["spec"]["type"] == "LoadBalancer" and not service.get("status"):
            last = service["spec"]["clusterIP"].rpartition(".")[2]
            status = {"loadBalancer": {"ingress": [{"ip": f"203.0.113.{last}", "ipMode": "VIP"}]}}
            self._set_status(_SERVICE, service, status)

    def _roll(self, deployment: Object) -> None:
        """At most one pod more than wanted, and never one fewer that is ready."""
        metadata, spec = deployment["metadata"], deployment["spec"]
        pods = [pod for pod in self._store.all(_POD, metadata["namespace"]) if _is_of(pod, metadata["uid"])]
        if "deletionTimestamp" in metadata:
            for pod in pods:
                self._end(pod)
            if not pods:
                self._store.drop(_DEPLOYMENT, metadata["namespace"], metadata["name"])
            return
        alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        template = hashlib.sha256(json.dumps(spec["template"], sort_keys=True).encode()).hexdigest()[:8]
        new = [pod for pod in alive if pod["metadata"]["labels"][_HASH] == template]
        old = [pod for pod in alive if pod not in new]
        failure = None
        if len(new) < spec["replicas"] and len(alive) < spec["replicas"] + bool(old):
            failure = self._make_pod(deployment, template)
        ready = sum(_is_ready(pod) for pod in alive)
        surplus = _surplus(old, new, is_one_spare=ready > spec["replicas"])
        if len(alive) > spec["replicas"] and surplus is not None:
            self._end(surplus)
        conditions = [failure] if failure is not None else []
        status = {
            "observedGeneration": metadata["generation"],
            "replicas": len(alive),
            "updatedReplicas": len(new),
            "readyReplicas": ready,
            "availableReplicas": sum(self._is_available(pod, spec.get("minReadySeconds", 0)) for pod in alive),
            "conditions": conditions,
        }
        self._set_status(_DEPLOYMENT, deployment, status)

    def _is_available(self, pod: Object, seconds: float) -> bool:
        """Whether it has been ready for so long."""
        if not _is_ready(pod):
            return False
        now = time.monotonic()
        return now - self._ready.setdefault(pod["metadata"]["uid"], now) >= seconds

    def _make_pod(self, deployment: Object, template: str) -> dict[str, str] | None:
        metadata = deployment["metadata"]
        most = self._behaviour.most_pods
        if most is not None and len(self._store.all(_POD, metadata["namespace"])) >= most:
            message = (
                f'pods "{metadata["name"]}" is forbidden: exceeded quota: pods, requested: pods=1, limited: pods={most}'
            )
            return {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
        wanted = deployment["spec"]["template"]
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{metadata['name']}-{template}"}
        content = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{metadata['name']}-{template}-{uuid.uuid4().hex[:5]}",
                "namespace": metadata["namespace"],
                "labels": {**wanted["metadata"]["labels"], _HASH: template},
                "annotations": wanted["metadata"].get("annotations", {}),
                "ownerReferences": [{**owner, "uid": metadata["uid"]}],
            },
            "spec": wanted["spec"],
        }
        pod = self._store.create(_POD, content, manager=_MANAGER)
        self._born[pod["metadata"]["uid"]] = time.monotonic()
        return None

    def _run_pod(self, pod: Object) -> None:
        metadata, behaviour = pod["metadata"], self._behaviour
        if "deletionTimestamp" in metadata:
            since = self._going.setdefault(metadata["uid"], time.monotonic())
            if time.monotonic() - since >= behaviour.stop_seconds:
                self._store.drop(_POD, metadata["namespace"], metadata["name"])
            return
        if time.monotonic() - self._born.get(metadata["uid"], 0) < behaviour.start_seconds:
            return
        container = pod["spec"]["containers"][0]
        image = container["image"]
        if behaviour.unschedulable is not None:
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            status = {"phase": "Pending", "conditions": [{**condition, "message": behaviour.unschedulable}]}
        elif behaviour.images is not None and image not in behaviour.images:
            message = f'Back-off pulling image "{image}"'
            status = _status(container, {"waiting": {"reason": "ImagePullBackOff", "message": message}})
        elif image in behaviour.faults:
            status = _crashed(container, behaviour.faults[image])
        else:
            behaviour.logs.setdefault(metadata["uid"], f"{_stamp()} stand-in serves /model\n")
            status = _status(container, {"running": {"startedAt": metadata["creationTimestamp"]}}, is_ready=True)
        self._set_status(_POD, pod, status)

    def _end(self, pod: Object) -> None:
        if "deletionTimestamp" not in pod["metadata"]:
            self._store.delete(_POD, pod["metadata"]["namespace"], pod["metadata"]["name"], {})

    def _set_status(self, kind: Kind, found: Object, status: Mapping[str, Any]) -> None:
        if found.get("status") == status:
            return
        metadata = found["metadata"]
        try:
            self._store.update(
                kind,
                metadata.get("namespace", ""),
                metadata["name"],
                lambda content: {**content, "status": dict(status)},
                manager=_MANAGER,
                sub="status",
            )
        except Refused as exc:
            if exc.code != 404:
                raise

    def warn(self, pod: Object, reason: str, message: str) -> None:
        """An event of a pod."""
        metadata = pod["metadata"]
        content = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{uuid.uuid4().hex[:8]}", "namespace": metadata["namespace"]},
            "involvedObject": {"kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]},
            "reason": reason,
            "message": message,
            "type": "Warning",
            "lastTimestamp": now(),
        }
        self._store.create(_EVENT, content, manager="kubelet")


def _is_of(pod: Object, uid: str) -> bool:
    return any(one["uid"] == uid for one in pod["metadata"].get("ownerReferences", ()))


def _surplus(old: list[Object], new: list[Object], *, is_one_spare: bool) -> Object | None:
    """Which pod to end where there are too many."""
    if not old:
        return new[-1] if new else None
    broken = next((pod for pod in old if not _is_ready(pod)), None)
    return broken or (old[0] if is_one_spare else None)


def _is_ready(pod: Object) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True" for one in pod.get("status", {}).get("conditions", ())
    )


def _status(container: Object, state: Mapping[str, Any], *, is_ready: bool = False, **more: Any) -> dict[str, Any]:
    one = {"name": container["name"], "ready": is_ready, "restartCount": 0, "image": container["image"], "imageID": ""}
    return {
        "phase": "Running" if is_ready else "Pending",
        "conditions": [{"type": "Ready", "status": str(is_ready)}],
        "containerStatuses": [{**one, "state": dict(state), **more}],
    }


def _crashed(container: Object, said: str) -> dict[str, Any]:
    ended = {"exitCode": 137, "reason": "OOMKilled"} if said == "OOMKilled" else {"exitCode": 1, "reason": "Error"}
    if said != "OOMKilled":
        ended |= {"message": said}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
    return _status(container, {"waiting": waiting}, lastState={"terminated": ended}, restartCount=3)


def _stamp() -> str:
    return f"{now()[:-1]}.{time.time_ns() % 10**9:09d}Z"
