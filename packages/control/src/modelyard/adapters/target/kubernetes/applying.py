"""How the objects of a deployment are brought to what its spec says, in an order that a crash cannot spoil.

There are three field managers. `modelyard` has all that the spec says but the number of replicas. That number is of
`modelyard-replicas`, which says nothing where an autoscaler or somebody in the cluster has chosen another one since:
so it passes from one to the other without falling to a default in between. `modelyard-applied` has the annotation that
says what was applied, and is last.
"""

from collections.abc import Mapping
from typing import Any

from modelyard.adapters.kubernetes.cluster_api import (
    AUTOSCALERS,
    DEPLOYMENTS,
    NAMESPACES,
    SERVICES,
    ClusterApi,
    Resource,
)
from modelyard.adapters.target.kubernetes.applied import ANNOTATION, MANAGER, Applied, applied_of, ownership_of
from modelyard.adapters.target.kubernetes.companion_kinds import CompanionKinds
from modelyard.adapters.target.kubernetes.companions import (
    autoscaler_object,
    disruption_budget_object,
    has_budget,
    pod_monitor_object,
    service_object,
)
from modelyard.adapters.target.kubernetes.observation import annotations
from modelyard.adapters.target.kubernetes.place import Place
from modelyard.adapters.target.kubernetes.workload import WorkloadDefaults, deployment_object
from modelyard.ports.target import ImageArtifact, ServerSpec

Object = Mapping[str, Any]

_REPLICAS_MANAGER = "modelyard-replicas"
_APPLIED_MANAGER = "modelyard-applied"


class Applying:
    """Writes the objects of deployments to one cluster."""

    def __init__(self, api: ClusterApi, defaults: WorkloadDefaults, kinds: CompanionKinds) -> None:
        self._api = api
        self._defaults = defaults
        self._kinds = kinds

    def make_namespace(self, name: str) -> None:
        """Make a namespace that is not there; one that is there is left as it is."""
        if self._api.find(NAMESPACES, name) is None:
            labels = {"app.kubernetes.io/managed-by": "modelyard"}
            content = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            self._api.apply(NAMESPACES, content, manager=MANAGER)

    def apply(self, spec: ServerSpec, image: ImageArtifact, place: Place) -> None:
        """All objects; the Deployment first, as its selector, which cannot change, keeps its name for it."""
        deployment = self._api.apply(
            DEPLOYMENTS, deployment_object(spec, image, place, self._defaults), manager=MANAGER
        )
        applied = applied_of(annotations(deployment))
        service = self._api.apply(
            SERVICES, service_object(spec, place, self._defaults.options.service), manager=MANAGER
        )
        companions = self._apply_companions(spec, place)
        replicas = self._replicas_to_set(spec, applied)
        if replicas is not None:
            self._set_replicas(place, replicas)
        applied = Applied(
            ownership=ownership_of(deployment, service, *companions),
            replicas=None if spec.autoscaling is not None else spec.replicas,
            servers=applied.servers,
        )
        self.note(place, applied.with_server(spec.generation, spec.fingerprint))

    def note(self, place: Place, applied: Applied) -> None:
        """Write down what was applied."""
        content = _fragment(place, {"annotations": {ANNOTATION: applied.to_text()}})
        self._api.apply(DEPLOYMENTS, content, manager=_APPLIED_MANAGER, is_forced=True)

    def delete_companions(self, place: Place) -> None:
        """What would bring pods back or name pods that are gone; not the address."""
        for kind in self._kinds:
            self._delete(kind, place)

    def delete_service(self, place: Place) -> None:
        """Give back the address."""
        self._api.delete(SERVICES, place.name, namespace=place.namespace)

    def _apply_companions(self, spec: ServerSpec, place: Place) -> list[Object]:
        """Those that the spec asks for; one that it asks for no more is deleted. An autoscaler that the cluster cannot
        have is its refusal; a budget or a monitor that it cannot have is none."""
        made: list[Object] = []
        if (budgets := self._kinds.budgets()) is not None:
            if has_budget(spec):
                budget = disruption_budget_object(spec, place, budgets.api_version)
                made.append(self._api.apply(budgets, budget, manager=MANAGER))
            else:
                self._delete(budgets, place)
        if spec.autoscaling is not None:
            made.append(self._api.apply(AUTOSCALERS, autoscaler_object(spec, place), manager=MANAGER))
        elif (autoscalers := self._kinds.autoscalers()) is not None:
            self._delete(autoscalers, place)
        if (monitors := self._kinds.monitors()) is not None:
            made.append(self._api.apply(monitors, pod_monitor_object(spec, place), manager=MANAGER))
        return made

    def _delete(self, resource: Resource, place: Place) -> None:
        self._api.delete(resource, place.name, namespace=place.namespace)

    @staticmethod
    def _replicas_to_set(spec: ServerSpec, applied: Applied) -> int | None:
        """How many to ask for; None where that was done, or is an autoscaler's business by now."""
        if spec.autoscaling is None:
            return None if applied.replicas == spec.replicas else spec.replicas
        if applied.ownership is not None:
            return None
        return min(max(spec.replicas, spec.autoscaling.min_replicas), spec.autoscaling.max_replicas)

    def _set_replicas(self, place: Place, replicas: int) -> None:
        content = {**_fragment(place, {}), "spec": {"replicas": replicas}}
        self._api.apply(DEPLOYMENTS, content, manager=_REPLICAS_MANAGER, is_forced=True)


def _fragment(place: Place, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": place.name, "namespace": place.namespace, **metadata},
    }
