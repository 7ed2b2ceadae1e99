"""A deployment as it was when it was read, with its replicas and the last change of its version."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard_client.autoscaling import Autoscaling
from modelyard_client.wire import Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Replica:
    """One replica of a deployment."""

    index: int
    state: str
    pid: int | None
    restarts: int
    rss_bytes: int | None
    last_exit: Any
    started_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Replica":
        """Read a replica of the API."""
        fields = Fields(value, noun="replica")
        return cls(
            index=fields.integer("index"),
            state=fields.text("state"),
            pid=fields.optional_integer("pid"),
            restarts=fields.optional_integer("restarts") or 0,
            rss_bytes=fields.optional_integer("rss_bytes"),
            last_exit=fields.value("last_exit"),
            started_at=fields.optional_time("started_at"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Replacement:
    """The last change of the version that a deployment serves.

    `status` is building, starting, draining, done or failed; `reason` says why it failed, and then the version
    `from_version` goes on serving.
    """

    from_version: int
    version: int
    generation: int
    status: str
    reason: str | None
    job_id: str

    @classmethod
    def from_json(cls, value: object) -> "Replacement":
        """Read a replacement of the API."""
        fields = Fields(value, noun="replacement")
        return cls(
            from_version=fields.integer("from_version"),
            version=fields.integer("version"),
            generation=fields.integer("generation"),
            status=fields.text("status"),
            reason=fields.optional_text("reason"),
            job_id=fields.text("job_id"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A deployed version as it was when it was read.

    `status` is pending, starting, ready, degraded, draining, stopped or failed; `reason` says why it is not ready.
    `replicas` are wanted, `ready_replicas` answer; with `autoscaling` the target chooses how many. `url` is the model
    server's address once there is one; `api_url` is the model's stable address, None where there is no gateway.
    """

    deployment_id: str
    model_name: str
    model_version: int
    target: str | None
    namespace: str | None
    status: str
    reason: str | None
    replicas: int
    autoscaling: Autoscaling | None
    image_digest: str | None
    """Of the image of its version that it is pinned to."""
    ready_replicas: int
    url: str | None
    api_url: str | None
    created_at: datetime | None
    updated_at: datetime | None
    job_id: str | None
    generation: int
    replacement: Replacement | None
    replica_states: tuple[Replica, ...]

    @property
    def is_as_wanted(self) -> bool:
        """Whether all wanted replicas answer, and no others; with autoscaling, all that the target wants."""
        return self.status == "ready" and (self.autoscaling is not None or self.ready_replicas == self.replicas)

    @property
    def is_over(self) -> bool:
        """Whether it will not become ready any more."""
        return self.status in {"stopped", "failed"}

    @classmethod
    def from_json(cls, value: object) -> "Deployment":
        """Read a deployment of the API."""
        fields = Fields(value, noun="deployment")
        replacement = fields.optional_mapping("replacement")
        autoscaling = fields.optional_mapping("autoscaling")
        return cls(
            deployment_id=fields.text("deployment_id"),
            model_name=fields.text("model_name"),
            model_version=fields.integer("model_version"),
            target=fields.optional_text("target"),
            namespace=fields.optional_text("namespace"),
            status=fields.text("status"),
            reason=fields.optional_text("reason"),
            replicas=fields.integer("replicas"),
            autoscaling=None if autoscaling is None else Autoscaling.from_json(autoscaling),
            image_digest=fields.optional_text("image_digest"),
            ready_replicas=fields.optional_integer("ready_replicas") or 0,
            url=fields.optional_text("url"),
            api_url=fields.optional_text("api_url"),
            created_at=fields.optional_time("created_at"),
            updated_at=fields.optional_time("updated_at"),
            job_id=fields.optional_text("job_id"),
            generation=fields.optional_integer("generation") or 1,
            replacement=None if replacement is None else Replacement.from_json(replacement),
            replica_states=tuple(Replica.from_json(item) for item in fields.items("replica_states")),
        )


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model is called, and what says that it is the one: its name, and its version if that is meant."""

    url: str
    model: str
    version: int | None
    key: str | None
    """Of a subscription, where the address is the gateway's."""
