"""How a target is made of what its operator has configured and what all targets of a control plane have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from modelyard.errors import Invalid
from modelyard.home import Home
from modelyard.isolation import Isolation
from modelyard.ports.target import ImageArchives, Target


@dataclass(frozen=True, slots=True)
class TargetContext:
    """What targets may use of the control plane."""

    home: Home
    installation: Callable[[], str]
    """The id of this installation; known when the database has its schema."""
    isolation: Isolation
    server_settings: Mapping[str, str | None]
    """Settings of `modelyard-serve` that all servers have in common, by name."""
    replica_memory_bytes: int | None
    """The most that a replica may have, and what it gets when nothing less is asked for."""
    server_ports: range
    """Of this machine, for servers."""
    images: ImageArchives
    """Of this home, for targets that load images."""


class TargetType(Protocol):
    """The class of a type of targets."""

    def configured(self, name: str, options: Mapping[str, Any], context: TargetContext) -> Target:
        """The target of this name.

        Args:
            options: the settings of the target, as MODELYARD_TARGETS has them, without its type.

        Raises:
            Invalid: code `target_options_invalid`.
        """


def refuse_options(name: str, options: Mapping[str, Any]) -> None:
    """For a type that has no settings of its own.

    Raises:
        Invalid: code `target_options_invalid`.
    """
    if options:
        raise Invalid(
            f"MODELYARD_TARGETS: the target '{name}' has no settings, got {', '.join(sorted(options))}",
            code="target_options_invalid",
            field=f"targets.{name}",
        )
