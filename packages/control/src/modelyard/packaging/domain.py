"""A bundle as we know it. Pure."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bundle:
    """A packaged version on this machine, with the interpreter of the environment that serves it."""

    model_name: str
    version: int
    path: Path
    manifest_digest: str
    """SHA-256 of the bundle's manifest file."""
    runtime: str
    lock_digest: str
    python: Path

    @property
    def reference(self) -> str:
        """Names exactly these bytes, as an image reference would."""
        return f"bundle:{self.model_name}-v{self.version}@sha256:{self.manifest_digest}"
