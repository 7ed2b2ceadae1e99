"""One entry of the log, and the hash that binds it to the one before. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

GENESIS = "0" * 64
"""What the first entry of a tenant's chain follows."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `sequence` counts from 1 in each tenant, without gaps."""

    tenant_id: str
    sequence: int
    at: datetime
    actor: str
    action: str
    """The noun and what happened to it: `version.registered`, `deployment.stopped`."""
    subject: str
    """What it happened to: `models/breast-cancer/versions/3`."""
    reason: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    previous_hash: str
    hash: str


def entry_hash(
    *,
    tenant_id: str,
    sequence: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    reason: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    previous_hash: str,
) -> str:
    """SHA-256 (hex) over the entry's canonical JSON, the previous entry's hash included."""
    fields = {
        "tenant_id": tenant_id,
        "sequence": sequence,
        "at": at.isoformat(timespec="microseconds"),
        "actor": actor,
        "action": action,
        "subject": subject,
        "reason": reason,
        "before": before,
        "after": after,
        "previous_hash": previous_hash,
    }
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
