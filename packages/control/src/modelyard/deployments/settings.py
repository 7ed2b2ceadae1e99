"""What a model server may take, and where those of this machine listen."""

import re
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from modelyard.naming import MAX_TARGET
from modelyard.setting_group import MEBIBYTE, SettingGroup

_TARGET = re.compile(rf"[a-z](?:[a-z0-9-]{{0,{MAX_TARGET - 2}}}[a-z0-9])?")
"""It is a value of labels and tags as well."""


class DeploymentSettings(SettingGroup):
    """Model servers."""

    replica_memory_mb: int | None = Field(default=4 * 1024, ge=64)
    """How much resident memory a replica of a model server may take."""
    targets: dict[str, dict[str, Any]] = Field(default={"local": {}})
    """Where deployments may run, as JSON: `{"local": {}, "eu": {"type": "…", …}}`. The first one is meant where none is
    named; without a type, the name is the type."""
    ready_seconds: float = Field(default=120, gt=0)
    """How long a deployment may take until its first readiness."""

    @field_validator("targets")
    @classmethod
    def _check_targets(cls, targets: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        wrong = [name for name in targets if not _TARGET.fullmatch(name)]
        if wrong or not targets:
            raise ValueError(
                f"expected one target or more by names of lower-case letters, digits and inner '-', at most "
                f"{MAX_TARGET} characters, got {wrong[0] if wrong else 'none'!r}"
            )
        return targets

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
