"""The indexed Job of Kubernetes that predicts one file in shares: a pod for each, repeated where it fails. Pure.

The Job needs nothing of the cluster but a volume with the file. A share that is whole stays, so that the same Job,
deleted and applied again, does what is left.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

KEY = "MODELYARD_SUBSCRIPTION_KEY"
_USER = 65532
_VOLUME, _SCRATCH = "files", "scratch"


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a Job does, and what it may take.

    Args:
        command: `modelyard predict` with its arguments, without `--share`.
        shares: pods that end well, each of one share.
        parallel: pods at one time.
        claim, folder: the PersistentVolumeClaim with source and output, and where pods see it.
        memory_mb: of each pod; it is never given more.
        cpus: of each pod.
        retries: how often all pods together may fail before the Job does.
        seconds: how long the Job may take; None for ever.
        key_secret: a Secret whose `key` is the subscription key.
    """

    command: tuple[str, ...]
    _: KW_ONLY
    name: str
    namespace: str | None
    image: str
    claim: str
    folder: str
    shares: int
    parallel: int
    memory_mb: int
    cpus: float
    retries: int
    seconds: int | None
    key_secret: str | None


def job_of(plan: JobPlan) -> Mapping[str, Any]:
    """The Job, as `kubectl apply` takes it."""
    labels = {"app.kubernetes.io/name": "modelyard-predict", "app.kubernetes.io/instance": plan.name}
    metadata: dict[str, Any] = {"name": plan.name, "labels": labels}
    if plan.namespace is not None:
        metadata["namespace"] = plan.namespace
    spec: dict[str, Any] = {
        "completionMode": "Indexed",
        "completions": plan.shares,
        "parallelism": plan.parallel,
        "backoffLimit": plan.retries,
        "template": {"metadata": {"labels": labels}, "spec": _pod(plan)},
    }
    if plan.seconds is not None:
        spec["activeDeadlineSeconds"] = plan.seconds
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _pod(plan: JobPlan) -> Mapping[str, Any]:
    """Within Kubernetes' restricted standard, and without a token of the cluster."""
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,  # What a kill leaves is gone on with.
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(plan)],
        "volumes": [
            {"name": _VOLUME, "persistentVolumeClaim": {"claimName": plan.claim}},
            {"name": _SCRATCH, "emptyDir": {}},
        ],
    }


def _container(plan: JobPlan) -> Mapping[str, Any]:
    amounts = {"memory": f"{plan.memory_mb}Mi", "cpu": str(plan.cpus)}
    variables: list[Mapping[str, Any]] = [{"name": "HOME", "value": f"/{_SCRATCH}"}]
    if plan.key_secret is not None:
        variables.append({"name": KEY, "valueFrom": {"secretKeyRef": {"name": plan.key_secret, "key": "key"}}})
    words = [word.replace("$(", "$$(") for word in plan.command]  # A pod's arguments may refer to its variables.
    return {
        "name": "predict",
        "image": plan.image,
        "command": [*words, "--share", f"$(JOB_COMPLETION_INDEX)/{plan.shares}"],
        "env": variables,
        "resources": {"requests": amounts, "limits": amounts},
        "volumeMounts": [
            {"name": _VOLUME, "mountPath": plan.folder},
            {"name": _SCRATCH, "mountPath": f"/{_SCRATCH}"},
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
