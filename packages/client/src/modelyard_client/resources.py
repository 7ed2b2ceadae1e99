"""What each replica of a deployment gets at most."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What is not given is as the target has it. A target refuses by name what it cannot honour."""

    cpu: float | None = None
    """Cores."""
    memory_mb: float | None = None
    gpus: int | None = None

    def to_json(self) -> dict[str, float | int]:
        """As the API takes it."""
        given = {"cpu": self.cpu, "memory_mb": self.memory_mb, "gpus": self.gpus}
        return {name: value for name, value in given.items() if value is not None}
