"""How the platform is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard_client.errors import Unavailable
from modelyard_client.transport import Transport
from modelyard_client.wire import Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformStatus:
    """What the control plane says of itself.

    `components` maps database, mlflow, jobs and target to objects with `status` and `detail` (and `url`); `jobs` and
    `deployments` count by status.
    """

    status: str
    version: str
    components: Mapping[str, Mapping[str, Any]]
    jobs: Mapping[str, int]
    models: int
    deployments: Mapping[str, int]
    uptime_seconds: float | None

    @property
    def is_ok(self) -> bool:
        """Whether every component works."""
        return self.status == "ok"

    @classmethod
    def from_json(cls, value: object) -> "PlatformStatus":
        """Read the status of the API."""
        fields = Fields(value, noun="status")
        return cls(
            status=fields.text("status"),
            version=fields.text("version"),
            components=fields.mapping("components"),
            jobs=fields.mapping("jobs"),
            models=fields.integer("models"),
            deployments=fields.mapping("deployments"),
            uptime_seconds=fields.optional_number("uptime_seconds"),
        )


class Status:
    """`client.status`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> PlatformStatus:
        """The platform's state now."""
        return PlatformStatus.from_json(self._transport.get("/mlops/status"))

    def is_ready(self) -> bool:
        """Whether a control plane is there and takes requests. Needs no token."""
        try:
            self._transport.get("/health/ready")
        except Unavailable:
            return False
        return True
