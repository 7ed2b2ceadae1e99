"""The mirror on the wire."""

from pydantic import BaseModel, Field

from modelyard.jobs.domain import Job
from modelyard.mirror.domain import Drift, DriftKind
from modelyard.mirror.reconciliation import Outcomes


class DriftAnswer(BaseModel):
    """One difference between our tables and MLflow's registry."""

    kind: DriftKind = Field(examples=["alias"])
    name: str = Field(description="our model; MLflow's name where it is none of ours", examples=["iris"])
    version: int | None = Field(description="our version", examples=[3])
    mlflow_name: str = Field(examples=["iris"])
    mlflow_version: int | None = Field(examples=[4])
    key: str | None = Field(description="which tag or alias", examples=["production"])
    expected: str | None = Field(examples=["version 3"])
    found: str | None = Field(examples=["version 2"])
    reason: str = Field(examples=["alias 'production' points at version 2; in production is version 3"])

    @classmethod
    def of(cls, drift: Drift) -> "DriftAnswer":
        """The difference on the wire."""
        return cls(
            kind=drift.kind,
            name=drift.model_name,
            version=drift.version,
            mlflow_name=drift.tracker_name,
            mlflow_version=drift.tracker_version,
            key=drift.key,
            expected=drift.expected,
            found=drift.found,
            reason=drift.reason,
        )


class MirrorAnswer(BaseModel):
    """What differs in a page of models. A page may hold none although there are more."""

    models: int = Field(description="how many were compared")
    drift: list[DriftAnswer]
    next_cursor: str | None

    @classmethod
    def of(cls, found: Outcomes) -> "MirrorAnswer":
        """The report on the wire."""
        drift = [DriftAnswer.of(outcome.drift) for outcome in found.outcomes]
        return cls(models=found.models, drift=drift, next_cursor=found.next_cursor)


class RepairAnswer(BaseModel):
    """What was repaired in a page of models, and what remains for a person or an import."""

    models: int
    repaired: list[DriftAnswer]
    remaining: list[DriftAnswer]
    next_cursor: str | None

    @classmethod
    def of(cls, found: Outcomes) -> "RepairAnswer":
        """The repair on the wire."""
        return cls(
            models=found.models,
            repaired=[DriftAnswer.of(outcome.drift) for outcome in found.outcomes if outcome.is_settled],
            remaining=[DriftAnswer.of(outcome.drift) for outcome in found.outcomes if not outcome.is_settled],
            next_cursor=found.next_cursor,
        )


class ImportedAnswer(BaseModel):
    """A version of ours, and MLflow's that it was."""

    name: str
    version: int
    mlflow_name: str
    mlflow_version: int


class AcceptedImport(BaseModel):
    """An import's job was made, or is under way."""

    job_id: str
    status: str
    message: str

    @classmethod
    def of(cls, job: Job) -> "AcceptedImport":
        """The job on the wire."""
        where = f"/api/v1/ml/registry/mirror/imports/{job.job_id}"
        message = f"the import was accepted; follow GET /mlops/jobs/{job.job_id}, and see GET {where}"
        return cls(job_id=job.job_id, status=job.status, message=message)


class ImportAnswer(BaseModel):
    """What was imported by now, and what was not, with the reason. Of each the first are named, and all counted."""

    job_id: str
    status: str
    models: int = Field(description="how many were looked at")
    imported: list[ImportedAnswer]
    refused: list[DriftAnswer]
    imported_count: int
    refused_count: int

    @classmethod
    def of(cls, job: Job) -> "ImportAnswer":
        """The job's result on the wire."""
        result = job.result
        return cls(
            job_id=job.job_id,
            status=job.status,
            models=result.get("models", 0),
            imported=[ImportedAnswer(**one) for one in result.get("imported", [])],
            refused=[DriftAnswer.of(Drift(**one)) for one in result.get("refused", [])],
            imported_count=result.get("imported_count", 0),
            refused_count=result.get("refused_count", 0),
        )
