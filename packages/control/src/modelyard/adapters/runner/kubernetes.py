"""Runs as Kubernetes Jobs: one Job of one pod for each run, which goes when what it left is copied.

Agents are reached through the API server's proxy to pods, so no port of a pod is opened to anybody else.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx2
import structlog

from modelyard.adapters.kubernetes.cluster_api import JOBS, PODS, SECRETS, ClusterApi
from modelyard.adapters.runner.agent.client import AgentAway, AgentClient
from modelyard.adapters.runner.failure import readable_bytes
from modelyard.adapters.runner.kubernetes_job import (
    AGENT_BYTES,
    INSTALLATION,
    JobOptions,
    Object,
    job_of,
    secret_of,
)
from modelyard.adapters.runner.pushed_images import PushedRunImages
from modelyard.adapters.runner.run_host import PlaceObservation, PlaceState, RunPlace
from modelyard.adapters.runner.run_image import AGENT_PORT, RunImages
from modelyard.errors import Conflict, ModelyardError, Unavailable
from modelyard.oci.reference import Repository
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.push import push_image
from modelyard.ports.environments import Lock

logger = structlog.get_logger()

_MANAGER = "modelyard-runs"
_PUSHED = ".pushed-run-images"
_REMOVAL_SECONDS = 60.0
_PAUSE_SECONDS = 0.2
_LONGEST_REASON = 300
_ON_ITS_WAY = {"ContainerCreating", "PodInitializing"}


class KubernetesHost:
    """A cluster as a `RunHost`.

    Args:
        api: of the cluster.
        images: are built here, and pushed to `repository`, from which the nodes pull.
        open_registry: the registry of a host, to be closed.
    """

    def __init__(
        self,
        api: ClusterApi,
        images: RunImages,
        *,
        repository: Repository,
        open_registry: Callable[[str], Registry],
        installation: Callable[[], str],
        options: JobOptions,
    ) -> None:
        self._api = api
        self._images = images
        self._repository = repository
        self._open_registry = open_registry
        self._pushed = PushedRunImages(images.layout.root / _PUSHED, open_registry)
        self._installation = installation
        self._options = options

    def close(self) -> None:
        """Close the connections to the cluster."""
        self._api.close()

    def prepare(self, lock: Lock, *, driver: Lock | None = None, log: Callable[[str], None]) -> None:
        """Build the image, and push it; then delete pushed ones that the layout has dropped."""
        image = self._images.ensure(lock, driver=driver, log=log)
        self._pushed.note(self._repository.at(image.descriptor.digest))
        with self._open_registry(self._repository.host) as registry:
            tagged = self._repository.tagged(image.tag)
            push_image(self._images.layout, image.descriptor, tagged, registry, log=log)
        self._delete_unused()

    def create(self, place: RunPlace) -> None:
        """Apply the Job, and then make the Secret for which its pod waits; each attempt makes the same."""
        image = self._images.find(place.python_environment, place.notebook_driver)
        if image is None:
            raise Unavailable("The image of the run is not in the registry.", code="run_image_absent")
        reference = str(self._repository.at(image.descriptor.digest))
        installation = self._installation()
        job = self._job(place.name)
        if job is None:
            made = job_of(place, reference, self._options, installation=installation)
            job = self._api.apply(JOBS, made, manager=_MANAGER)
        secret = secret_of(place, self._options, installation=installation, job_uid=job["metadata"]["uid"])
        self._api.create(SECRETS, secret)

    def find(self, name: str) -> PlaceObservation:
        """By the state of the Job and of its pod."""
        job = self._job(name)
        if job is None:
            return PlaceObservation(PlaceState.ABSENT)
        pod = self._pod(name)
        conditions = job.get("status", {}).get("conditions") or ()
        failed = next((one for one in conditions if one["type"] == "Failed" and one["status"] == "True"), None)
        if pod is None and failed is not None:
            return PlaceObservation(PlaceState.ENDED, _job_reason(failed))
        return PlaceObservation(PlaceState.PENDING) if pod is None else observed_pod(pod)

    def agent(self, name: str, token: str) -> AgentClient:
        """Through the API server."""
        pod = self._pod(name)
        if pod is None:
            raise AgentAway("it has no pod")
        return AgentClient(_PodLine(self._api, self._options.namespace, pod["metadata"]["name"]), token)

    def remove(self, name: str) -> None:
        """The Job with its pod and its Secret; returns when none is left."""
        if self._job(name) is None:
            return
        self._api.delete(SECRETS, name, namespace=self._options.namespace)
        self._api.delete(JOBS, name, namespace=self._options.namespace, in_foreground=True)
        deadline = time.monotonic() + _REMOVAL_SECONDS
        while self._job(name) is not None:
            if time.monotonic() > deadline:
                raise Unavailable(f"The Job '{name}' is not removed yet.", code="runner_unavailable")
            time.sleep(_PAUSE_SECONDS)

    def _delete_unused(self) -> None:
        """A registry or a cluster that does not answer keeps no run from its start."""
        kept = {one.descriptor.digest for one in self._images.all()}
        try:
            self._pushed.delete_unused(kept, used=self._images_of_pods)
        except ModelyardError as error:
            logger.warning("unused run images are left in their registry", reason=error.message)

    def _images_of_pods(self) -> set[str]:
        """The references of images of this installation's runs, those of another control plane of it too."""
        labels = f"{INSTALLATION}={self._installation()}"
        pods = self._api.list(PODS, labels=labels, namespace=self._options.namespace)
        return {container["image"] for pod in pods for container in pod["spec"]["containers"]}

    def _job(self, name: str) -> Object | None:
        """The Job of ours.

        Raises:
            Conflict: code `job_of_other_installation`.
        """
        job = self._api.find(JOBS, name, namespace=self._options.namespace)
        if job is not None and job["metadata"].get("labels", {}).get(INSTALLATION) != self._installation():
            raise Conflict(
                f"the cluster has a Job '{name}' that is not this installation's", code="job_of_other_installation"
            )
        return job

    def _pod(self, name: str) -> Object | None:
        """The pod of a Job; of several the one that is not going."""
        pods = list(self._api.list(PODS, labels=f"job-name={name}", namespace=self._options.namespace))
        return min(pods, key=lambda pod: "deletionTimestamp" in pod["metadata"], default=None)


class _PodLine:
    """An agent behind the API server's proxy."""

    def __init__(self, api: ClusterApi, namespace: str, pod: str) -> None:
        self._api = api
        self._namespace = namespace
        self._pod = pod

    @contextmanager
    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], content: Iterator[bytes] | None
    ) -> Iterator[httpx2.Response]:
        """Send a request."""
        try:
            with self._api.through_pod(
                method,
                self._pod,
                path,
                namespace=self._namespace,
                port=AGENT_PORT,
                headers=headers,
                content=content,
            ) as answer:
                _refuse_failure(answer)
                yield answer
        except AgentAway:
            raise
        except Unavailable as error:
            raise AgentAway(error.message) from error


def _refuse_failure(answer: httpx2.Response) -> None:
    if answer.status_code != httpx2.codes.OK:
        raise AgentAway(f"status {answer.status_code}")


def observed_pod(pod: Object) -> PlaceObservation:
    """What a pod's status says, in one sentence where it waits or has ended. Pure."""
    status = pod.get("status", {})
    container: Object = next(iter(status.get("containerStatuses") or ()), {})
    state = container.get("state", {})
    if (ended := state.get("terminated")) is not None:
        return PlaceObservation(PlaceState.ENDED, _end_reason(pod, ended))
    if status.get("phase") in {"Failed", "Succeeded"}:
        said = f"{status.get('reason', '')}: {status.get('message', '')}".strip(": ")
        return PlaceObservation(PlaceState.ENDED, f"The pod was ended: {_sentence(said)}" if said else None)
    if "running" in state:
        return PlaceObservation(PlaceState.UP)
    return PlaceObservation(PlaceState.PENDING, _waiting_reason(status, state))


def _waiting_reason(status: Object, state: Object) -> str | None:
    waiting = state.get("waiting", {})
    if waiting.get("reason") in _ON_ITS_WAY:
        return None
    if waiting:
        said = f"{waiting.get('reason', 'waiting')}: {waiting.get('message', '')}".rstrip(": ")
        return said[:_LONGEST_REASON]
    scheduled: Object = next((one for one in status.get("conditions") or () if one["type"] == "PodScheduled"), {})
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', 'not scheduled')}: {scheduled.get('message', '')}"[:_LONGEST_REASON]
    return None


def _end_reason(pod: Object, ended: Object) -> str | None:
    """None where the container ended by itself: then its run is lost."""
    if ended.get("reason") != "OOMKilled":
        return None
    limit = int(pod["spec"]["containers"][0]["resources"]["limits"]["memory"]) - AGENT_BYTES
    return f"The script used more memory than its limit of {readable_bytes(limit)} (OOMKilled)."


def _job_reason(failed: Object) -> str:
    said = f"{failed.get('reason', '')}: {failed.get('message', '')}".strip(": ")
    return f"The Job failed: {_sentence(said)}"


def _sentence(said: str) -> str:
    return f"{said[:_LONGEST_REASON].rstrip('.')}."
