"""What was applied, as an annotation of the Deployment has it: the generations, and what each shall be. Pure.

It is written last, by a field manager of its own, so a Deployment without it was applied by half.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

ANNOTATION = "modelyard.dev/applied"
MANAGER = "modelyard"
"""The field manager of what a spec says."""


@dataclass(frozen=True, slots=True)
class AppliedServer:
    """One generation."""

    fingerprint: str
    is_retired: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """All generations of one deployment that are not gone."""

    ownership: str | None = None
    """Digest of the fields that were ours then. Whoever changes one of them takes it from us, so another digest now is
    a change by somebody else. (`metadata.generation` counts annotations and the controller's own changes too.)"""
    replicas: int | None = None
    """How many were asked for; None where an autoscaler chooses."""
    servers: Mapping[int, AppliedServer] = field(default_factory=dict)

    @property
    def is_autoscaled(self) -> bool:
        """Whether an autoscaler chooses the number of replicas."""
        return self.ownership is not None and self.replicas is None

    def with_server(self, generation: int, fingerprint: str) -> "Applied":
        """A generation was applied, so it is not retired."""
        return replace(self, servers={**self.servers, generation: AppliedServer(fingerprint)})

    def with_retired(self, generation: int) -> "Applied":
        """A generation shall go."""
        server = self.servers.get(generation, AppliedServer(""))
        return replace(self, servers={**self.servers, generation: replace(server, is_retired=True)})

    def without(self, generation: int) -> "Applied":
        """A generation is gone."""
        return replace(self, servers={number: one for number, one in self.servers.items() if number != generation})

    def is_retired(self, generation: int) -> bool:
        """Whether a generation shall go."""
        server = self.servers.get(generation)
        return server is not None and server.is_retired

    def to_text(self) -> str:
        """As the annotation has it."""
        servers = {
            str(number): {"fingerprint": one.fingerprint, **({"retired": True} if one.is_retired else {})}
            for number, one in sorted(self.servers.items())
        }
        content = {"ownership": self.ownership, "replicas": self.replicas, "servers": servers}
        return json.dumps(content, separators=(",", ":"))


def ownership_of(*objects: Mapping[str, Any]) -> str:
    """Digest of the fields of these objects that are ours."""
    ours = [
        entry.get("fieldsV1")
        for one in objects
        for entry in one["metadata"].get("managedFields") or ()
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply"
    ]
    return hashlib.sha256(json.dumps(ours, sort_keys=True).encode()).hexdigest()[:16]


def applied_of(annotations: Mapping[str, str]) -> Applied:
    """What an object says of itself; nothing where the annotation is missing or somebody has spoilt it."""
    try:
        content: Mapping[str, Any] = json.loads(annotations.get(ANNOTATION, "{}"))
        servers = {
            int(number): AppliedServer(one["fingerprint"], one.get("retired", False))
            for number, one in content.get("servers", {}).items()
        }
        return Applied(content.get("ownership"), content.get("replicas"), servers)
    except (AttributeError, KeyError, TypeError, ValueError):
        return Applied()
