"""A bundle as we know it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from modelyard.naming import image_tag


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
    compilation: Mapping[str, Any] | None
    """The report of its verified compilation, accepted or not; None for what was built before there were any."""
    created_at: datetime
    profile: Mapping[str, Any] | None = None
    """Of its training data, with its digest; None where that is not known: drift cannot be judged."""

    @property
    def label(self) -> str:
        """Of its model, which the folder of the model's bundles has as its name."""
        return self.path.parent.name

    @property
    def is_compiled(self) -> bool:
        """Whether it holds the model's translation instead of the model."""
        return self.compilation is not None and self.compilation["accepted"] is True

    @property
    def reference(self) -> str:
        """Names exactly these bytes, as an image reference would."""
        return f"bundle:{image_tag(self.label, self.version)}@sha256:{self.manifest_digest}"
