"""The labels of a deployment's servers, by which people find them in their target's own tools. Pure."""

import re
from collections.abc import Mapping

from modelyard.deployments.domain import Deployment

_NOT_A_VALUE = re.compile(r"[^A-Za-z0-9._-]+")
_MOST = 63
_COMPONENT = "inference"


def labels_of(deployment: Deployment, *, model_label: str, version: int) -> Mapping[str, str]:
    """By the conventions of Kubernetes; `model_label` is the model's name as a DNS label."""
    name = f"{model_label}-{_COMPONENT}"
    return {
        "app": name,
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": _COMPONENT,
        "app.kubernetes.io/managed-by": "modelyard",
        "app.kubernetes.io/version": str(version),
        "modelyard.dev/deployment": deployment.deployment_id,
        "modelyard.dev/tenant": _value(deployment.tenant_id),
    }


def _value(text: str) -> str:
    """The nearest text that may be a label's value."""
    return _NOT_A_VALUE.sub("-", text)[:_MOST].strip("-._")
