"""The target: what shall be is applied to a cluster, and what is there is read from it.

A deployment is one Deployment and one Service, and a generation of servers is the template of its pods: a later one
takes the place of an earlier one by a rolling update (docs/decisions/0630-a-generation-is-a-template.md).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Self

import httpx2
import structlog

from modelyard.adapters.kubernetes.cluster_api import AUTOSCALERS, DEPLOYMENTS, SERVICES, ClusterApi
from modelyard.adapters.kubernetes.connection import connect
from modelyard.adapters.target.context import TargetContext
from modelyard.adapters.target.kubernetes.addresses import url_of
from modelyard.adapters.target.kubernetes.applying import Applying
from modelyard.adapters.target.kubernetes.companion_kinds import CompanionKinds
from modelyard.adapters.target.kubernetes.inventory import Inventory
from modelyard.adapters.target.kubernetes.observation import Found, observed
from modelyard.adapters.target.kubernetes.options import KubernetesOptions, WorkloadOptions
from modelyard.adapters.target.kubernetes.place import Owner, Place, other_name, plain_name
from modelyard.adapters.target.kubernetes.pod_logs import PodLogs
from modelyard.adapters.target.kubernetes.pods import Pod
from modelyard.adapters.target.kubernetes.workload import WorkloadDefaults
from modelyard.adapters.target.options import invalid_options, read_options
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.log_file import LogFile
from modelyard.ports.log import LogPart
from modelyard.ports.target import Artifact, ImageArtifact, ServerKey, ServerObservation, ServerSpec, ServerState

logger = structlog.get_logger()


class KubernetesTarget:
    """Model servers of one cluster.

    Args:
        name: of the target.
        api: its API server.
        installation: the id of this installation, as `Target` has it.
        logs: the folder for copies of the logs of pods.
    """

    def __init__(
        self, name: str, api: ClusterApi, defaults: WorkloadDefaults, *, installation: Callable[[], str], logs: Path
    ) -> None:
        self._name = name
        self._api = api
        self._options = defaults.options
        self._installation = installation
        kinds = CompanionKinds(api, self._options)
        self._applying = Applying(api, defaults, kinds)
        self._inventory = Inventory(api, kinds, self._owner, self._options)
        self._logs = PodLogs(api, logs)
        self._memory_bytes = defaults.memory_bytes
        self._naming = Lock()

    @classmethod
    def configured(cls, name: str, options: Mapping[str, Any], context: TargetContext) -> "KubernetesTarget":
        """The target of the cluster that the options name."""
        read = read_options(KubernetesOptions, name, options)
        try:
            client = connect(read)
        except Invalid as exc:
            raise invalid_options(name, exc.message) from exc
        return cls.reached_by(lambda: client, name, read, context)

    @classmethod
    def reached_by(
        cls, connect: Callable[[], httpx2.Client], name: str, options: WorkloadOptions, context: TargetContext
    ) -> Self:
        """The target of a cluster that this reaches."""
        return cls(
            name,
            ClusterApi(connect),
            WorkloadDefaults(options, context.server_settings, context.replica_memory_bytes),
            installation=context.installation,
            logs=context.home.target(name) / "logs",
        )

    def close(self) -> None:
        """End what it does in the background, and its connections."""
        self._logs.close()
        self._api.close()

    @property
    def pulls(self) -> bool:
        """The nodes pull images."""
        return True

    @property
    def takes_grpc(self) -> bool:
        """A model server takes it on the port of HTTP too, which the Service leads to."""
        return True

    @property
    def most_cpu(self) -> float | None:
        """As much as a node has."""
        return None

    @property
    def max_memory_bytes(self) -> int | None:
        """Of one replica, as the settings have it."""
        return self._memory_bytes

    @property
    def most_gpus(self) -> int | None:
        """As many as a node has."""
        return None

    def why_no_autoscaling(self) -> str | None:
        """A cluster before 1.23 has no `autoscaling/v2`."""
        return None if self._api.offers(AUTOSCALERS) else f"its cluster does not offer {AUTOSCALERS.api_version}"

    def check_namespace(self, namespace: str) -> None:
        """By the settings of the target."""
        self._options.namespace_of(namespace)

    def apply(self, spec: ServerSpec) -> None:
        """Server-side apply of all its objects; of a generation whose place a later one has taken, nothing."""
        image = _image_of(spec.artifact)
        namespace = self._options.namespace_of(spec.namespace)
        if spec.autoscaling is not None and (why := self.why_no_autoscaling()) is not None:
            raise Invalid(f"autoscaling: {why}", code="target_field_unsupported", field="autoscaling")
        found = self._inventory.one(spec.deployment_id)
        if found.is_foreign:
            raise Conflict(
                f"'{spec.deployment_id}' is a server of another installation or another target",
                code="server_of_other_installation",
            )
        place = _place_of(found, spec.deployment_id, self._owner())
        if found.is_leaving:
            raise Unavailable(f"the earlier servers of '{spec.deployment_id}' are still leaving", code="server_leaving")
        if place is None:
            if self._options.create_namespaces:
                self._applying.make_namespace(namespace)
            with self._naming:  # So that two models of like names do not take one.
                self._applying.apply(spec, image, self._new_place(spec, namespace))
        elif _is_superseded(found, spec.generation):
            applied = found.applied.with_server(spec.generation, spec.fingerprint)
            if applied != found.applied:
                self._applying.note(place, applied)
        else:
            self._applying.apply(spec, image, place)

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """What this generation does now."""
        seen = self._observed(self._inventory.one(deployment_id))
        return seen.get(generation, ServerObservation(ServerState.ABSENT))

    def observe_all(self) -> Mapping[ServerKey, ServerObservation]:
        """Everything that carries the label of this installation; logs that may be lost are copied meanwhile."""
        everything = self._inventory.all()
        self._logs.copy_soon(
            {
                ServerKey(deployment_id, number): pods
                for deployment_id, found in everything.items()
                for number, pods in _pods_by_generation(found).items()
            }
        )
        return {
            ServerKey(deployment_id, number): seen
            for deployment_id, found in everything.items()
            for number, seen in self._observed(found).items()
        }

    def retire(self, deployment_id: str, generation: int) -> None:
        """Note that it shall go. An earlier generation takes its place by a rolling update when it is applied again."""
        found = self._inventory.one(deployment_id)
        place = _place_of(found, deployment_id, self._owner())
        if place is None or found.deployment is None or found.is_leaving:
            return
        applied = found.applied
        is_current = generation == found.current
        if is_current and not applied.servers.keys() - {generation}:
            self._delete_deployment(found, place)
        elif is_current or any(pod.generation == generation for pod in found.pods):
            if not applied.is_retired(generation):
                self._applying.note(place, applied.with_retired(generation))
        elif generation in applied.servers:
            self._applying.note(place, applied.without(generation))

    def remove(self, deployment_id: str) -> None:
        """Delete the Deployment with its pods, which drain; the Service when they are gone."""
        found = self._inventory.one(deployment_id)
        place = _place_of(found, deployment_id, self._owner())
        if place is None:
            return
        if found.deployment is not None:
            if not found.is_leaving:
                self._applying.delete_companions(place)
                self._delete_deployment(found, place)
        elif not found.pods:
            self._applying.delete_companions(place)
            self._applying.delete_service(place)

    def log_size(self, deployment_id: str, generation: int) -> int:
        """Of what was copied from its pods."""
        return self._copied(ServerKey(deployment_id, generation)).size()

    def read_log(self, deployment_id: str, generation: int, offset: int) -> LogPart:
        """A part of that."""
        return self._copied(ServerKey(deployment_id, generation)).read(offset)

    def _owner(self) -> Owner:
        return Owner(self._installation(), self._name)

    def _observed(self, found: Found) -> Mapping[int, ServerObservation]:
        return observed(found, url_of(found.service, self._options))

    def _copied(self, key: ServerKey) -> LogFile:
        """The log as of now; while the cluster does not answer, what was copied before."""
        try:
            pods = [pod for pod in self._inventory.pods(key.deployment_id) if pod.generation == key.generation]
            if not self._logs.is_fresh(pods):
                self._logs.copy(key, pods)
        except (Unavailable, OSError) as exc:  # A full disk takes no copies, and what is there can be read.
            logger.warning("logs of pods could not be copied", deployment_id=key.deployment_id, reason=str(exc))
        return self._logs.file(key)

    def _new_place(self, spec: ServerSpec, namespace: str) -> Place:
        name = plain_name(spec)
        is_taken = any(self._api.find(kind, name, namespace=namespace) is not None for kind in (DEPLOYMENTS, SERVICES))
        return Place(namespace, other_name(spec) if is_taken else name, self._owner(), spec.deployment_id)

    def _delete_deployment(self, found: Found, place: Place) -> None:
        if found.deployment is not None:
            uid = found.deployment["metadata"]["uid"]
            self._api.delete(DEPLOYMENTS, place.name, namespace=place.namespace, uid=uid, in_foreground=True)


def _place_of(found: Found, deployment_id: str, owner: Owner) -> Place | None:
    """Where its objects are, if it has any."""
    some = found.deployment or found.service
    if some is not None:
        return Place(some["metadata"]["namespace"], some["metadata"]["name"], owner, deployment_id)
    return None


def _is_superseded(found: Found, generation: int) -> bool:
    """Whether a later generation has the place of this one."""
    if found.deployment is None:
        return False
    later = {number for number in (found.current, *found.applied.servers) if number > generation}
    return any(not found.applied.is_retired(number) for number in later)


def _pods_by_generation(found: Found) -> Mapping[int, Sequence[Pod]]:
    sorted_pods: dict[int, list[Pod]] = {}
    for pod in found.pods:
        sorted_pods.setdefault(pod.generation, []).append(pod)
    return sorted_pods


def _image_of(artifact: Artifact) -> ImageArtifact:
    if not isinstance(artifact, ImageArtifact):
        raise Invalid("artifact: this target runs images, got a bundle", code="artifact_unsupported", field="artifact")
    return artifact
