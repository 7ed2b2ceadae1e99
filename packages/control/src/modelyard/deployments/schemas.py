"""Deployments on the wire."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from modelyard.deployments.domain import Deployment
from modelyard.http.bodies import RequestBody
from modelyard.ports.target import ReplicaObservation


class DeploymentRequest(RequestBody):
    """A version that shall serve; the newest when none is named."""

    model_name: str
    version: int | None = Field(default=None, ge=1)
    replicas: int = 1
    namespace: str | None = None


class ScaleRequest(RequestBody):
    """How many replicas shall run."""

    replicas: int


class AcceptedDeployment(BaseModel):
    """A deployment job was made."""

    job_id: str
    model_name: str
    status: str
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


class DeploymentAnswer(BaseModel):
    """A deployment as it stands."""

    model_config = ConfigDict(protected_namespaces=())

    deployment_id: str
    namespace: str
    model_name: str
    model_version: int
    target: str
    status: str
    reason: str | None
    replicas: int
    ready_replicas: int
    url: str | None
    job_id: str | None
    created_at: datetime
    updated_at: datetime
    created_by: str
    replica_states: list[ReplicaAnswer]

    @classmethod
    def of(cls, deployment: Deployment, replicas: list[ReplicaAnswer]) -> "DeploymentAnswer":
        """The deployment on the wire."""
        return cls(
            deployment_id=deployment.deployment_id,
            namespace=deployment.namespace,
            model_name=deployment.model_name,
            model_version=deployment.version,
            target=deployment.target,
            status=deployment.status,
            reason=deployment.reason,
            replicas=deployment.replicas,
            ready_replicas=deployment.ready_replicas,
            url=deployment.url,
            job_id=deployment.job_id,
            created_at=deployment.created_at,
            updated_at=deployment.updated_at,
            created_by=deployment.created_by,
            replica_states=replicas,
        )


class DeploymentsAnswer(BaseModel):
    """A page of deployments, newest first."""

    deployments: list[DeploymentAnswer]
    next_cursor: str | None
