"""A job and its request. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from modelyard.jobs.states import FINAL, JobStatus, Phase
from modelyard.tracker_names import mirror_name


class JobKind(StrEnum):
    """What a job does, and so which phases it goes through."""

    TRAINING = "training"
    ONE_CLICK = "one_click"
    DEPLOYMENT = "deployment"
    REGISTRATION = "registration"
    """Of an upload."""
    DELETION = "deletion"
    IMPORT = "import"
    """Of what was registered in MLflow directly."""


PHASES: dict[JobKind, tuple[Phase, ...]] = {
    JobKind.TRAINING: (Phase.TRAINING, Phase.REGISTERING),
    JobKind.ONE_CLICK: (Phase.TRAINING, Phase.REGISTERING, Phase.BUILDING, Phase.DEPLOYING, Phase.DEPLOYED),
    JobKind.DEPLOYMENT: (Phase.BUILDING, Phase.DEPLOYING, Phase.DEPLOYED),
    JobKind.REGISTRATION: (Phase.REGISTERING,),
    JobKind.IMPORT: (Phase.IMPORTING,),
    JobKind.DELETION: (
        Phase.UNDEPLOYING,
        Phase.REMOVING_IMAGES,
        Phase.REMOVING_VERSIONS,
        Phase.REMOVING_RUNS,
        Phase.DELETED,
    ),
}


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
    phase: Phase | None
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

    @property
    def experiment_name(self) -> str | None:
        """In the tracker: of the tenant's own, as its models there; None of a job that needs none."""
        if self.kind is JobKind.REGISTRATION:
            return mirror_name(self.tenant_id, self.model_name)
        name = self.request.get("experiment_name")
        return None if name is None else mirror_name(self.tenant_id, name)

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
        phases = PHASES[self.kind]
        return phases.index(self.phase) / len(phases)

    def further(self, phase: Phase) -> Phase:
        """Of the phase that it is at and this one, the later. A job that is resumed passes all of them again."""
        phases = PHASES[self.kind]
        return phase if self.phase is None else max(self.phase, phase, key=phases.index)

    @property
    def duration_seconds(self) -> float | None:
        """From request to end; None while it has not ended."""
        return None if self.finished_at is None else (self.finished_at - self.created_at).total_seconds()


def request_digest(kind: JobKind, model_name: str, request: Mapping[str, Any]) -> str:
    """What two requests with one idempotency key must share."""
    canonical = json.dumps([kind, model_name, request], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
