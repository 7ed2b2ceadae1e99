"""What of an installation is in a cluster: one list of each kind of objects, sorted by deployment."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from modelyard.adapters.kubernetes.cluster_api import (
    AUTOSCALERS,
    DEPLOYMENTS,
    EVENTS,
    PODS,
    SERVICES,
    ClusterApi,
    Resource,
)
from modelyard.adapters.target.kubernetes.applied import applied_of
from modelyard.adapters.target.kubernetes.companion_kinds import CompanionKinds
from modelyard.adapters.target.kubernetes.observation import Found, annotations
from modelyard.adapters.target.kubernetes.options import WorkloadOptions
from modelyard.adapters.target.kubernetes.place import DEPLOYMENT, Owner
from modelyard.adapters.target.kubernetes.pods import Pod, pod_of, with_event_reasons

Object = Mapping[str, Any]

_EVENTS_SECONDS = 3.0


class Inventory:
    """Reads a cluster, or one namespace of it."""

    def __init__(
        self, api: ClusterApi, kinds: CompanionKinds, owner: Callable[[], Owner], options: WorkloadOptions
    ) -> None:
        self._api = api
        self._kinds = kinds
        self._owner = owner
        self._namespace = options.only_namespace
        self._pull_grace = timedelta(seconds=options.pull_grace_seconds)
        self._events: tuple[float, list[Object]] = (float("-inf"), [])

    def all(self) -> Mapping[str, Found]:
        """Everything that is ours, by deployment. The pod of a training run is of no deployment."""
        return self._found(f"{self._selector()},{DEPLOYMENT}")

    def one(self, deployment_id: str) -> Found:
        """What there is of one deployment."""
        return self._found(f"{DEPLOYMENT}={deployment_id}").get(deployment_id, Found(None, None, ()))

    def pods(self, deployment_id: str) -> list[Pod]:
        """Our pods of one deployment."""
        ours = f"{self._selector()},{DEPLOYMENT}={deployment_id}"
        return [self._pod(one) for one in self._list(PODS, ours)]

    def _selector(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self._owner().labels.items())

    def _found(self, labels: str) -> Mapping[str, Found]:
        deployments, foreign = self._ours(self._list(DEPLOYMENTS, labels))
        services, also_foreign = self._ours(self._list(SERVICES, labels))
        foreign |= also_foreign
        companions = self._companions(deployments, labels)
        pods = self._pods(labels)
        return {
            key: Found(
                deployments.get(key),
                services.get(key),
                tuple(pods.get(key, ())),
                companions=companions.get(key, ()),
                is_foreign=key in foreign,
            )
            for key in deployments.keys() | services.keys() | pods.keys() | foreign
        }

    def _pods(self, labels: str) -> dict[str, list[Pod]]:
        """Our pods by deployment, with the reasons of those that are not ready."""
        pods: dict[str, list[Pod]] = {}
        for one in self._list(PODS, labels):
            if self._owner().has(one["metadata"]["labels"]):
                pods.setdefault(one["metadata"]["labels"][DEPLOYMENT], []).append(self._pod(one))
        if any(_is_unexplained(pod) for some in pods.values() for pod in some):
            events = self._warnings()
            pods = {key: with_event_reasons(some, events) for key, some in pods.items()}
        return pods

    def _pod(self, found: Object) -> Pod:
        return pod_of(found, now=datetime.now(UTC), pull_grace=self._pull_grace)

    def _companions(self, deployments: Mapping[str, Object], labels: str) -> Mapping[str, Sequence[Object]]:
        """What stands beside the Deployments. Autoscalers are listed only where one should be."""
        if not deployments:
            return {}
        is_autoscaled = any(applied_of(annotations(one)).is_autoscaled for one in deployments.values())
        companions: dict[str, list[Object]] = {}
        for kind in self._kinds:
            if kind != AUTOSCALERS or is_autoscaled:
                found, _ = self._ours(self._list(kind, labels))
                for key, one in found.items():
                    companions.setdefault(key, []).append(one)
        return companions

    def _ours(self, objects: Iterable[Object]) -> tuple[dict[str, Object], set[str]]:
        """Our objects by deployment, and the deployments of which others have objects."""
        ours, foreign = {}, set()
        for one in objects:
            labels = one["metadata"]["labels"]
            if self._owner().has(labels):
                ours[labels[DEPLOYMENT]] = one
            else:
                foreign.add(labels[DEPLOYMENT])
        return ours, foreign

    def _list(self, resource: Resource, labels: str) -> list[Object]:
        return list(self._api.list(resource, labels=labels, namespace=self._namespace))

    def _warnings(self) -> list[Object]:
        """Of pods; as of the last seconds, as events are many."""
        now = time.monotonic()
        if now - self._events[0] > _EVENTS_SECONDS:
            fields = "involvedObject.kind=Pod,type=Warning"
            self._events = (now, list(self._api.list(EVENTS, fields=fields, namespace=self._namespace)))
        return self._events[1]


def _is_unexplained(pod: Pod) -> bool:
    return pod.reason is None and pod.state in {"starting", "backoff"}
