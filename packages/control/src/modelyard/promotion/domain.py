"""A request for promotion, its approvals, and the evidence that it stands on. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from modelyard.promotion.party import Party
from modelyard.promotion.policy import Evidence, Finding, Policy
from modelyard.promotion.states import RequestStatus
from modelyard.registry.domain import Version

_MINUTE = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True, slots=True)
class Approval:
    """One approver's yes."""

    subject: str
    at: datetime
    comment: str
    made_by: frozenset[str] = frozenset()
    """Who made the credential that it was given with, and so on."""

    @property
    def party(self) -> Party:
        """Who gave it."""
        return Party(self.subject, self.made_by)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a version go to production. `revision` counts its changes, for `If-Match`."""

    request_id: str
    tenant_id: str
    model_name: str
    version: int
    status: RequestStatus
    comment: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    findings: tuple[Finding, ...]
    """What the policy said when it was made."""
    evidence_digest: str
    needed_approvals: int
    approvals: tuple[Approval, ...]
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    """Why it was rejected, withdrawn or has expired."""
    revision: int
    made_by: frozenset[str] = frozenset()
    """Who made the credential that it was made with, and so on."""

    @property
    def requester(self) -> Party:
        """Who made it."""
        return Party(self.requested_by, self.made_by)

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"models/{self.model_name}/requests/{self.request_id}"

    @property
    def is_open(self) -> bool:
        """Whether it can still be decided."""
        return self.status is RequestStatus.REQUESTED

    @property
    def end(self) -> str:
        """What became of it, since when and why, for a sentence."""
        if self.decided_at is None:
            return f"the request is {self.status}"
        why = f": {self.reason}" if self.reason else ""
        if self.status is RequestStatus.EXPIRED:
            # It is noticed later than its time is over.
            since = min(self.expires_at, self.decided_at)
            return f"the request has been expired since {since:{_MINUTE}}{why}"
        return f"the request was {self.status} by {self.decided_by} at {self.decided_at:{_MINUTE}}{why}"


def evidence_digest(policy: Policy, version: Version, *, production: Version | None, checks: Mapping[str, bool]) -> str:
    """SHA-256 over all that an approver looked at: when it changes, the request expires."""
    rules = asdict(policy)
    if not policy.metric_rules:
        # As before there were such rules, so that requests of then do not expire with an upgrade.
        del rules["metric_rules"]
    if policy.evidence is Evidence.MEASURED:
        del rules["evidence"]  # For the same reason.
    seen = {
        "policy": rules,
        "manifest": version.manifest_digest,
        "metrics": dict(version.metrics),
        **({"claimed": dict(version.claimed_metrics)} if version.claimed_metrics else {}),
        "tags": dict(version.tags),
        "checks": dict(checks),
        "production": None if production is None else production.version,
    }
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()
