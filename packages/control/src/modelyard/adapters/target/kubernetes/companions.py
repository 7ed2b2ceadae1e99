"""What stands beside a model's Deployment: its Service, what evicts and scales its pods, and what reads its metrics.
Pure."""

from collections.abc import Mapping
from typing import Any

from modelyard.adapters.target.kubernetes.options import ServiceOptions
from modelyard.adapters.target.kubernetes.place import Place, labels_of
from modelyard.ports.target import ServerSpec

Object = Mapping[str, Any]

PORT = 80
GRPC_PORT = 8081
"""Of the Service and of the pods."""


def service_object(spec: ServerSpec, place: Place, options: ServiceOptions) -> Object:
    """The one address of all generations."""
    return _object(
        "v1",
        "Service",
        spec,
        place,
        annotations=options.annotations,
        content={
            "type": options.type,
            "selector": place.selector,
            "ports": [
                {"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"},
                {"name": "grpc", "port": GRPC_PORT, "targetPort": GRPC_PORT, "protocol": "TCP"},
            ],
        },
    )


def disruption_budget_object(spec: ServerSpec, place: Place, api_version: str) -> Object:
    """One pod at a time may be evicted."""
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": place.selector}}
    return _object(api_version, "PodDisruptionBudget", spec, place, content=budget)


def autoscaler_object(spec: ServerSpec, place: Place) -> Object:
    """It keeps the average use of the processor at what was asked for."""
    if spec.autoscaling is None:
        raise ValueError(f"The spec of '{spec.deployment_id}' asks for no autoscaling.")
    millicores = round((spec.resources.cpu or 1) * 10 * spec.autoscaling.cpu_percent)
    scaler = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": place.name},
        "minReplicas": spec.autoscaling.min_replicas,
        "maxReplicas": spec.autoscaling.max_replicas,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": f"{millicores}m"}},
            }
        ],
    }
    return _object("autoscaling/v2", "HorizontalPodAutoscaler", spec, place, content=scaler)


def pod_monitor_object(spec: ServerSpec, place: Place) -> Object:
    """For the Prometheus operator."""
    monitor = {
        "selector": {"matchLabels": place.selector},
        "podMetricsEndpoints": [{"port": "http", "path": "/metrics"}],
    }
    return _object("monitoring.coreos.com/v1", "PodMonitor", spec, place, content=monitor)


def has_budget(spec: ServerSpec) -> bool:
    """With one replica, a budget would keep a node from ever being drained, or say nothing."""
    least = spec.replicas if spec.autoscaling is None else spec.autoscaling.min_replicas
    return least >= 2


def _object(
    api_version: str,
    kind: str,
    spec: ServerSpec,
    place: Place,
    *,
    annotations: Mapping[str, str] | None = None,
    content: Mapping[str, Any],
) -> Object:
    metadata: dict[str, Any] = {
        "name": place.name,
        "namespace": place.namespace,
        "labels": labels_of(spec, place),
    }
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": content}
