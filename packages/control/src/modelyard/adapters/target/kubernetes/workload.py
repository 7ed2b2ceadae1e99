"""The Deployment of a model: what its pods are, and how one set of them takes the place of another. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.adapters.target.kubernetes.options import WorkloadOptions
from modelyard.adapters.target.kubernetes.place import Place, labels_of, pod_labels
from modelyard.ports.target import ImageArtifact, Resources, ServerSpec

HTTP_PORT = 8080
CONTAINER = "server"

_PYTHON = "/opt/modelyard/bin/python"  # Of our images; a shell or `sleep` need not be there.
_SCRATCH = "/tmp"  # noqa: S108  # The container's own.
_SPARE_SECONDS = 10
_START_ATTEMPTS = 3
_PROBE_SECONDS = 2
_START_PROBES = 90
"""An interpreter that starts on a busy node, from a disk that is cold, may need longer than a minute. One that is
ended for it starts again on the same node, with back-off."""
_MEBIBYTE = 1024 * 1024
_LEAST = {"cpu": "100m", "memory": "256Mi"}
"""What a replica is scheduled with where nothing says what it needs."""
_GPU = "nvidia.com/gpu"

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WorkloadDefaults:
    """What the servers of a target have in common."""

    options: WorkloadOptions
    server_settings: Mapping[str, str | None]
    """Settings of `modelyard-serve`, by name."""
    memory_bytes: int | None
    """The most that a replica may have, and what it gets where nothing less is asked for."""


def deployment_object(spec: ServerSpec, image: ImageArtifact, place: Place, defaults: WorkloadDefaults) -> Object:
    """The Deployment, without `replicas`, which have a field manager of their own."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": place.name, "namespace": place.namespace, "labels": labels_of(spec, place)},
        "spec": {
            "selector": {"matchLabels": place.selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            # A pod has been ready for as long as nodes take to hear of it before another one goes for it.
            "minReadySeconds": defaults.options.routing_seconds,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": defaults.options.start_seconds + 60,
            "template": {
                "metadata": {
                    "labels": pod_labels(spec, place),
                    "annotations": _annotations(image, defaults.options),
                },
                "spec": _pod(spec, image, place, defaults),
            },
        },
    }


def _annotations(image: ImageArtifact, options: WorkloadOptions) -> Mapping[str, str]:
    named = {"modelyard.dev/image": image.name, "kubectl.kubernetes.io/default-container": CONTAINER}
    if options.prometheus != "annotations":
        return named
    return named | {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(HTTP_PORT),
        "prometheus.io/path": "/metrics",
    }


def _pod(spec: ServerSpec, image: ImageArtifact, place: Place, defaults: WorkloadDefaults) -> dict[str, Any]:
    options = defaults.options
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": options.routing_seconds + options.drain_seconds + _SPARE_SECONDS,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(spec, image, place, defaults)],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": place.selector},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
    }
    if options.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in options.image_pull_secrets]
    if options.node_selector:
        pod["nodeSelector"] = options.node_selector
    if options.tolerations:
        pod["tolerations"] = [one.model_dump(by_alias=True, exclude_none=True) for one in options.tolerations]
    return pod


def _container(spec: ServerSpec, image: ImageArtifact, place: Place, defaults: WorkloadDefaults) -> dict[str, Any]:
    environment = {**spec.environment, "HOME": _SCRATCH, "TMPDIR": _SCRATCH}
    return {
        "name": CONTAINER,
        "image": image.reference,
        "imagePullPolicy": defaults.options.image_pull_policy,
        "args": _arguments(place, defaults),
        "env": [{"name": name, "value": value} for name, value in sorted(environment.items())],
        "ports": [{"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"}],
        "resources": _resources(spec.resources, defaults),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": _SCRATCH}],
        # A server is alive from its first second on; it is ready, and gets requests, when it has loaded its model.
        "startupProbe": _probe("/v2/health/live", failures=_START_PROBES),
        "livenessProbe": {**_probe("/v2/health/live", failures=6), "periodSeconds": 10},
        "readinessProbe": _probe("/v2/health/ready", failures=2),
        "lifecycle": {"preStop": {"exec": {"command": _sleep(defaults.options.routing_seconds)}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _sleep(seconds: int) -> list[str]:
    return [_PYTHON, "-c", f"import time; time.sleep({seconds})"]


def _arguments(place: Place, defaults: WorkloadDefaults) -> list[str]:
    options = defaults.options
    names = [place.name, f"{place.name}.{place.namespace}", f"{place.name}.{place.namespace}.svc"]
    names.append(f"{names[-1]}.{options.cluster_domain}")
    if options.service.node_host is not None:
        names.append(options.service.node_host)
    allowed = [*(defaults.server_settings.get("allowed_hosts") or "").split(","), *names]
    settings = {
        **defaults.server_settings,
        "allowed_hosts": ",".join(name for name in allowed if name),
        "drain_timeout_s": str(options.drain_seconds),
        "start_timeout_s": str(options.start_seconds),
        "start_attempts": str(_START_ATTEMPTS),
    }
    given = {name: value for name, value in sorted(settings.items()) if value is not None}
    return [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value)]


def _probe(path: str, *, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": _PROBE_SECONDS,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _resources(asked: Resources, defaults: WorkloadDefaults) -> dict[str, Any]:
    """What is asked for is both the least and the most; nobody asked: the least is small, so that pods find a node."""
    usual = defaults.options.default_resources.resources()
    cpu, gpus = asked.cpu or usual.cpu, asked.gpus or usual.gpus
    memory = asked.memory_bytes or usual.memory_bytes
    given = {}
    if cpu is not None:
        given["cpu"] = f"{round(cpu * 1000)}m"
    if memory is not None:
        given["memory"] = memory_quantity(memory)
    if gpus is not None:
        given[_GPU] = str(gpus)
    limits = dict(given)
    if memory is None and defaults.memory_bytes is not None:
        limits["memory"] = memory_quantity(defaults.memory_bytes)
    return {"requests": {**_LEAST, **given}, **({"limits": limits} if limits else {})}


def memory_quantity(number: int) -> str:
    """As Kubernetes writes it: whole mebibytes where there are such."""
    return str(number) if number % _MEBIBYTE else f"{number // _MEBIBYTE}Mi"
