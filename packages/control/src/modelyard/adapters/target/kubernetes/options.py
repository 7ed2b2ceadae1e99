"""What an operator says of a cluster in MODELYARD_TARGETS. What is not known here is refused by its name."""

import re
from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from modelyard.adapters.kubernetes.options import ClusterOptions, Toleration
from modelyard.errors import Invalid
from modelyard.naming import derived_label
from modelyard.ports.target import Resources

_MEBIBYTE = 1024 * 1024
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = r"^[A-Za-z0-9.:-]{1,253}$"


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceOptions(_Options):
    """How the Services of models are reached."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    annotations: dict[str, str] = {}
    address: Literal["name", "ip"] = "name"
    """Of a ClusterIP: its name in the cluster's DNS, or its address."""
    node_host: str | None = Field(default=None, pattern=_HOST)
    """Of a NodePort: a host name or an address of the nodes."""

    @model_validator(mode="after")
    def _know_the_node(self) -> Self:
        if (self.type == "NodePort") != (self.node_host is not None):
            raise ValueError("expected node_host with the type NodePort, and only there")
        return self


class DefaultResources(_Options):
    """What a replica gets where its deployment asks for nothing else."""

    cpu: float | None = Field(default=None, gt=0)
    memory_mb: float | None = Field(default=None, ge=64)
    gpus: int | None = Field(default=None, ge=1)

    def resources(self) -> Resources:
        """As the port has them."""
        memory = None if self.memory_mb is None else int(self.memory_mb * _MEBIBYTE)
        return Resources(self.cpu, memory, self.gpus)


class WorkloadOptions(_Options):
    """What is the same for every cluster, however it is reached."""

    namespace: str | None = None
    """The one namespace of all model servers. Without it, each deployment's namespace is that of the cluster."""
    allowed_namespaces: tuple[str, ...] = ("default",)
    """Which namespaces deployments may name; `models-*` is every name that begins so."""
    create_namespaces: bool = False
    service: ServiceOptions = ServiceOptions()
    cluster_domain: str = Field(default="cluster.local", pattern=_HOST)
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    node_selector: dict[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    default_resources: DefaultResources = DefaultResources()
    prometheus: Literal["annotations", "pod-monitor", "off"] = "annotations"
    routing_seconds: int = Field(default=5, ge=0, le=600)
    """How long every node may take to hear of a change: a server that shall go keeps answering for so long, and a new
    one is ready for so long before it counts as reached, and before another goes for it."""
    pull_grace_seconds: int = Field(default=60, ge=0, le=3600)
    """How long nodes try to pull an image before it counts as one that cannot be had: a registry may be away."""
    drain_seconds: int = Field(default=30, ge=1, le=3600)
    """How long a server has to finish what it is answering."""
    start_seconds: int = Field(default=600, ge=10, le=7200)
    """How long a server may load its model."""

    @field_validator("namespace", "allowed_namespaces")
    @classmethod
    def _refuse_system_namespaces(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for name in [value] if isinstance(value, str) else value or ():
            if name.startswith("kube-") or not _NAMESPACE.fullmatch(name.replace("*", "x")):
                raise ValueError(f"expected names of namespaces that are not the system's, got {name!r}")
        return value

    def namespace_of(self, asked: str) -> str:
        """The cluster's namespace of a deployment.

        Raises:
            Invalid: code `namespace_not_allowed`.
        """
        if self.namespace is not None:
            return self.namespace
        name = asked if _NAMESPACE.fullmatch(asked) else derived_label(asked)
        is_system = name.startswith("kube-")
        if is_system or not any(fnmatchcase(name, pattern) for pattern in self.allowed_namespaces):
            allowed = ", ".join(f"'{pattern}'" for pattern in self.allowed_namespaces)
            raise Invalid(
                f"namespace: expected one that the operator allows ({allowed}), got {name!r}",
                code="namespace_not_allowed",
                field="namespace",
            )
        return name

    @property
    def only_namespace(self) -> str | None:
        """Where all servers are, if they are in one namespace."""
        if self.namespace is not None:
            return self.namespace
        only = self.allowed_namespaces[0] if len(self.allowed_namespaces) == 1 else "*"
        return None if "*" in only else only


class KubernetesOptions(ClusterOptions, WorkloadOptions):
    """What an operator says of a cluster with a kubeconfig, or of the control plane's own."""
