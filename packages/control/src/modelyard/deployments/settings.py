"""What a model server may take, and where those of this machine listen."""

from typing import Self

from pydantic import Field, model_validator

from modelyard.setting_group import MEBIBYTE, SettingGroup


class DeploymentSettings(SettingGroup):
    """Model servers."""

    replica_memory_mb: int | None = Field(default=4 * 1024, ge=64)
    """How much resident memory a replica of a model server may take."""
    ready_seconds: float = Field(default=120, gt=0)
    """How long a deployment may take until its first readiness."""

    @property
    def replica_memory_bytes(self) -> int | None:
        """Cap on a model server replica's resident memory."""
        return None if self.replica_memory_mb is None else self.replica_memory_mb * MEBIBYTE


class LocalTargetSettings(SettingGroup):
    """Model servers that are processes of this machine."""

    server_port_first: int = Field(default=20_000, ge=1, le=65_535)
    """The first port of model servers on this machine."""
    server_port_last: int = Field(default=29_999, ge=1, le=65_535)
    """The last port of model servers on this machine. An address that a model had is given to no other model, so there
    must be many; these are below what Linux gives to outgoing connections."""

    @model_validator(mode="after")
    def _have_ports(self) -> Self:
        if self.server_port_first > self.server_port_last:
            raise ValueError(
                f"MODELYARD_SERVER_PORT_FIRST ({self.server_port_first}) must not be above MODELYARD_SERVER_PORT_LAST "
                f"({self.server_port_last})"
            )
        return self
