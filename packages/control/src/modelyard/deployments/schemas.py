"""Deployments on the wire."""

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from modelyard.deployments.domain import (
    AutoscalingChange,
    Deployment,
    PinChange,
    autoscaling_to_json,
    resources_to_json,
)
from modelyard.deployments.replacement import Replacement
from modelyard.http.bodies import RequestBody
from modelyard.naming import MAX_TARGET
from modelyard.plain import plain_json
from modelyard.ports.predictions import Prediction
from modelyard.ports.stable_addresses import ModelAddresses
from modelyard.ports.target import DEFAULT_RESOURCES, Autoscaling, ReplicaObservation, Resources

_MEBIBYTE = 1024 * 1024


class ResourcesBody(RequestBody):
    """What each replica gets at most; what is not given is as the target has it."""

    cpu: float | None = Field(default=None, gt=0, le=10_000, description="cores")
    memory_mb: float | None = Field(default=None, ge=1, le=1 << 30)
    gpus: int | None = Field(default=None, ge=1, le=1000)

    def resources(self) -> Resources:
        """As the port has it."""
        memory = None if self.memory_mb is None else int(self.memory_mb * _MEBIBYTE)
        return Resources(cpu=self.cpu, memory_bytes=memory, gpus=self.gpus)


class AutoscalingBody(RequestBody):
    """Between which numbers of replicas the target itself chooses, by their use of the processor."""

    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(ge=1)
    cpu_percent: int = Field(
        default=80, ge=1, le=1000, description="of `resources.cpu`, or of one core where that is not set"
    )

    def autoscaling(self) -> Autoscaling:
        """As the port has it."""
        return Autoscaling(self.min_replicas, self.max_replicas, self.cpu_percent)


class PlacedRequest(RequestBody):
    """Where a deployment shall run, and with what."""

    target: str | None = Field(
        default=None,
        max_length=MAX_TARGET,
        description="one of the targets that the operator has configured (`GET /mlops/status` lists them); the first "
        "of them when it is not given, or wherever the deployment is that is there",
    )
    resources: ResourcesBody | None = None
    autoscaling: AutoscalingBody | None = Field(
        default=None, description="`replicas` is where it begins; a deployment that is there gets it anew"
    )

    def wanted_resources(self) -> Resources:
        """As the port has it; nothing when none is asked for."""
        return DEFAULT_RESOURCES if self.resources is None else self.resources.resources()

    def wanted_autoscaling(self) -> Autoscaling | None:
        """As the port has it."""
        return None if self.autoscaling is None else self.autoscaling.autoscaling()


class DeploymentRequest(PlacedRequest):
    """A version that shall serve; the newest when none is named."""

    model_name: str
    version: int | None = Field(default=None, ge=1)
    replicas: int | None = Field(
        default=None, description="1 when it is not given; a deployment that is there keeps what it has"
    )
    namespace: str | None = None
    another: bool = Field(
        default=False, description="make a further deployment, also where the version serves in the namespace already"
    )
    replace: bool = Field(
        default=False, description="take the place, at the same address, of the version that serves in the namespace"
    )


class DeploymentChange(RequestBody):
    """What shall be otherwise: how many replicas, who chooses that, which version, or which image of it, at the same
    address."""

    replicas: int | None = None
    version: int | None = Field(default=None, ge=1)
    autoscaling: AutoscalingBody | None = Field(default=None, description="null ends it")
    image: str | None = Field(
        default=None,
        pattern=r"^sha256:[0-9a-f]{64}$",
        description="the digest of an image of its version that it is pinned to; null: the newest image again",
    )

    def wanted_pin(self) -> PinChange | None:
        """None where nothing is said of it."""
        return PinChange(self.image) if "image" in self.model_fields_set else None

    def wanted_autoscaling(self) -> AutoscalingChange | None:
        """None where nothing is said of it."""
        if "autoscaling" not in self.model_fields_set:
            return None
        return AutoscalingChange(None if self.autoscaling is None else self.autoscaling.autoscaling())


class AcceptedDeployment(BaseModel):
    """A deployment job was made."""

    job_id: str
    model_name: str
    status: str
    deployment_id: str | None
    """Known at once where a deployment that is there is meant."""
    message: str

    model_config = ConfigDict(protected_namespaces=())


class ReplicaAnswer(BaseModel):
    """One replica as its target sees it."""

    index: int
    state: str
    pid: int | None
    restarts: int
    rss_bytes: int | None
    last_exit: str | None
    started_at: datetime | None

    @classmethod
    def of(cls, replica: ReplicaObservation) -> "ReplicaAnswer":
        """The replica on the wire."""
        return cls(
            index=replica.index,
            state=replica.state,
            pid=replica.pid,
            restarts=replica.restarts,
            rss_bytes=replica.rss_bytes,
            last_exit=replica.last_exit,
            started_at=replica.started_at,
        )


class ReplacementAnswer(BaseModel):
    """The last change of the version that a deployment serves: `building`, `starting`, `draining`, `done`, `failed`."""

    from_version: int
    version: int
    generation: int
    status: str
    reason: str | None
    job_id: str
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, replacement: Replacement) -> "ReplacementAnswer":
        """The replacement on the wire."""
        return cls(
            from_version=replacement.from_version,
            version=replacement.version,
            generation=replacement.generation,
            status=replacement.status,
            reason=replacement.reason,
            job_id=replacement.job_id,
            created_by=replacement.created_by,
            created_at=replacement.created_at,
            updated_at=replacement.updated_at,
        )


class DeploymentAnswer(BaseModel):
    """A deployment as it stands."""

    model_config = ConfigDict(protected_namespaces=())

    deployment_id: str
    namespace: str
    model_name: str
    model_version: int
    target: str
    resources: dict[str, float | int]
    autoscaling: dict[str, int] | None
    image_digest: str | None
    """Of the image that it is pinned to."""
    status: str
    reason: str | None
    replicas: int
    ready_replicas: int
    url: str | None = Field(description="of the model server itself")
    api_url: str | None = Field(
        description="the model's stable address at the gateway, which stays when versions and servers change; null "
        "where there is no gateway"
    )
    generation: int
    job_id: str | None
    created_at: datetime
    updated_at: datetime
    created_by: str
    replacement: ReplacementAnswer | None
    replica_states: list[ReplicaAnswer]

    @classmethod
    def of(
        cls,
        deployment: Deployment,
        replacement: Replacement | None,
        replicas: list[ReplicaAnswer],
        addresses: ModelAddresses,
    ) -> "DeploymentAnswer":
        """The deployment on the wire."""
        return cls(
            deployment_id=deployment.deployment_id,
            namespace=deployment.namespace,
            model_name=deployment.model_name,
            model_version=deployment.version,
            target=deployment.target,
            resources=resources_to_json(deployment.resources),
            autoscaling=autoscaling_to_json(deployment.autoscaling),
            image_digest=deployment.image_digest,
            status=deployment.status,
            reason=deployment.reason,
            replicas=deployment.replicas,
            ready_replicas=deployment.ready_replicas,
            url=deployment.url,
            api_url=addresses.of_model(deployment.model_name),
            generation=deployment.generation,
            job_id=deployment.job_id,
            created_at=deployment.created_at,
            updated_at=deployment.updated_at,
            created_by=deployment.created_by,
            replacement=None if replacement is None else ReplacementAnswer.of(replacement),
            replica_states=replicas,
        )


class DeploymentsAnswer(BaseModel):
    """A page of deployments, newest first."""

    deployments: list[DeploymentAnswer]
    next_cursor: str | None


class PredictionAnswer(BaseModel):
    """What a deployment's server answered to one request."""

    deployment_id: str
    model_name: str
    model_version: int
    status: int = Field(description="the server's HTTP status")
    milliseconds: float = Field(description="from the request's first byte to the answer's last, seen from here")
    headers: dict[str, str] = Field(description="the answer's, by their names in lower case")
    answer: Any = Field(description="the answer's JSON, or its text when it is none")

    @classmethod
    def of(cls, deployment: Deployment, answered: Prediction) -> "PredictionAnswer":
        """The answer on the wire."""
        text = answered.content.decode(errors="replace")
        try:
            answer = plain_json(json.loads(text))
        except (ValueError, RecursionError):
            answer = text
        return cls(
            deployment_id=deployment.deployment_id,
            model_name=deployment.model_name,
            model_version=deployment.version,
            status=answered.status,
            milliseconds=round(answered.seconds * 1000, 3),
            headers=dict(answered.headers),
            answer=answer,
        )
