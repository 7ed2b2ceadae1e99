"""A job and its request. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard.jobs.states import FINAL, JobStatus


@dataclass(frozen=True, slots=True)
class JobKind:
    """What a job does, declared by the noun whose work it is. Name and phases stand in the database and on the wire."""

    name: str
    phases: tuple[str, ...]
    """In their order; a job that has ended well is behind all of them."""
    takes_space: bool = True
    """Whether it is not begun on a full disk."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed: one sentence for people, one code for programs."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands."""

    job_id: str
    tenant_id: str
    kind: JobKind
    status: JobStatus
    phase: str | None
    model_name: str
    request: Mapping[str, Any]
    """What was asked, as JSON; the workflow reads it."""
    result: Mapping[str, Any]
    """What came of it so far: run_id, experiment_name, model_version, deployment_id, deployment_url."""
    error: JobError | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    is_cancel_requested: bool
    experiment_name: str | None
    """What the tracker calls the experiment into which it trains or stores; None of a job that needs none."""

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL

    @property
    def progress(self) -> float:
        """Share of the phases that are behind it, 0 to 1."""
        if self.status is JobStatus.SUCCEEDED:
            return 1.0
        if self.phase is None:
            return 0.0
        phases = self.kind.phases
        return phases.index(self.phase) / len(phases)

    def further(self, phase: str) -> str:
        """Of the phase that it is at and this one, the later. A job that is resumed passes all of them again."""
        return phase if self.phase is None else max(self.phase, phase, key=self.kind.phases.index)

    @property
    def duration_seconds(self) -> float | None:
        """From request to end; None while it has not ended."""
        return None if self.finished_at is None else (self.finished_at - self.created_at).total_seconds()


def request_digest(kind: JobKind, model_name: str, request: Mapping[str, Any]) -> str:
    """What two requests with one idempotency key must share."""
    canonical = json.dumps([kind.name, model_name, request], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
