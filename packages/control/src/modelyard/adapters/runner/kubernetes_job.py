"""The objects of one run in a cluster: a Job of one pod, and the Secret with the token of its agent. Pure."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from modelyard.adapters.kubernetes.options import Toleration
from modelyard.adapters.runner.agent.exchange import GRACE, HOLD, HOST, PORT, TOKEN, WORK_FOLDER
from modelyard.adapters.runner.configured import RunnerOptions
from modelyard.adapters.runner.run_host import RunPlace
from modelyard.adapters.runner.run_image import AGENT_PORT

INSTALLATION, RUN = "modelyard.dev/installation", "modelyard.dev/run"
CONTAINER = "run"
AGENT_BYTES = 96 * 1024 * 1024
"""Memory of the agent and of the supervisor, beside the script's, whose limit the supervisor holds."""
_MEBIBYTE = 1024 * 1024
_USER = 65532
_KEPT_SECONDS = 24 * 3600
"""How long the cluster keeps a Job whose end nobody has seen."""

Object = Mapping[str, Any]


class JobOptions(RunnerOptions):
    """What is the same for all runs of a cluster."""

    namespace: str = Field(default="default", pattern=r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
    cpus: float | None = Field(default=None, gt=0)
    """How many cores a run may use."""
    requested_cpus: float = Field(default=0.5, gt=0)
    """How many a node must have free."""
    requested_memory_mb: int = Field(default=1024, ge=64)
    """How much memory a node must have free. A run may use what MODELYARD_RUN_MEMORY_MB says."""
    disk_mb: int | None = Field(default=None, ge=64)
    """How much all files of a run may take together on its node."""
    gpus: int | None = Field(default=None, ge=1)
    """GPUs of each run (`nvidia.com/gpu`)."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    start_seconds: float = Field(default=1800, gt=0)
    """How long a pod may wait for a node and its image."""
    grace_seconds: float = Field(default=10, gt=0, le=600)
    """How long a script that is asked to end may take before it is killed."""
    hold_seconds: float = Field(default=24 * 3600, gt=0)
    """How long what a run left waits for a control plane that is away."""


def job_of(place: RunPlace, image: str, options: JobOptions, *, installation: str) -> Object:
    """The Job. It is never tried again: whoever asked for the run decides that."""
    labels = _labels(place, installation)
    seconds = options.start_seconds + place.limits.seconds + options.grace_seconds + options.hold_seconds
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": place.name,
            "namespace": options.namespace,
            "labels": labels,
            "annotations": {RUN: place.run_key},
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(seconds),
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(place, image, options)},
        },
    }


def secret_of(place: RunPlace, options: JobOptions, *, installation: str, job_uid: str) -> Object:
    """The Secret, which goes with its Job."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": place.name, "uid": job_uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": place.name,
            "namespace": options.namespace,
            "labels": _labels(place, installation),
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "data": {"token": base64.b64encode(place.token.encode()).decode()},
    }


def _labels(place: RunPlace, installation: str) -> Mapping[str, str]:
    return {
        "app.kubernetes.io/name": "modelyard-run",
        "app.kubernetes.io/component": "training",
        "app.kubernetes.io/managed-by": "modelyard",
        INSTALLATION: installation,
        RUN: hashlib.sha256(place.run_key.encode()).hexdigest()[:32],
    }


def _pod(place: RunPlace, image: str, options: JobOptions) -> Object:
    """Within Kubernetes' restricted standard, and without a token of the cluster."""
    disk = {} if options.disk_mb is None else {"sizeLimit": f"{options.disk_mb}Mi"}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(place, image, options)],
        "volumes": [{"name": WORK_FOLDER, "emptyDir": disk}],
        "nodeSelector": dict(options.node_selector),
        "tolerations": [one.model_dump(by_alias=True, exclude_none=True) for one in options.tolerations],
        "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
    }


def _container(place: RunPlace, image: str, options: JobOptions) -> Object:
    variables = {
        HOST: "0.0.0.0",  # noqa: S104  # A pod's own.
        PORT: str(AGENT_PORT),
        GRACE: str(options.grace_seconds),
        HOLD: str(options.hold_seconds),
    }
    token = {"name": TOKEN, "valueFrom": {"secretKeyRef": {"name": place.name, "key": "token"}}}
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [token, *({"name": name, "value": value} for name, value in variables.items())],
        "ports": [{"name": "agent", "containerPort": AGENT_PORT, "protocol": "TCP"}],
        "resources": _resources(place, options),
        "volumeMounts": [{"name": WORK_FOLDER, "mountPath": f"/{WORK_FOLDER}"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _resources(place: RunPlace, options: JobOptions) -> Object:
    memory = place.limits.memory_bytes + AGENT_BYTES
    limits = {"memory": str(memory)}
    requests = {
        "memory": str(min(memory, options.requested_memory_mb * _MEBIBYTE)),
        "cpu": str(options.requested_cpus if options.cpus is None else min(options.cpus, options.requested_cpus)),
    }
    if options.cpus is not None:
        limits["cpu"] = str(options.cpus)
    if options.disk_mb is not None:
        limits["ephemeral-storage"] = requests["ephemeral-storage"] = f"{options.disk_mb}Mi"
    if options.gpus is not None:
        limits["nvidia.com/gpu"] = str(options.gpus)
    return {"limits": limits, "requests": requests}
