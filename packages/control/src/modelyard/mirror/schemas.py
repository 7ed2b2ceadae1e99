"""The mirror on the wire."""

from pydantic import BaseModel, Field

from modelyard.mirror.domain import Drift, DriftKind
from modelyard.mirror.reconciliation import Outcome, Outcomes


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

    @classmethod
    def of(cls, outcome: Outcome) -> "ImportedAnswer | None":
        """The imported version on the wire; None if this is none, or somebody else imported it just now."""
        if outcome.version is None or outcome.drift.tracker_version is None:
            return None
        return cls(
            name=outcome.version.model_name,
            version=outcome.version.version,
            mlflow_name=outcome.drift.tracker_name,
            mlflow_version=outcome.drift.tracker_version,
        )


class ImportAnswer(BaseModel):
    """What was imported from a page of models, and what was not, with the reason."""

    models: int
    imported: list[ImportedAnswer]
    refused: list[DriftAnswer]
    next_cursor: str | None

    @classmethod
    def of(cls, found: Outcomes) -> "ImportAnswer":
        """The import on the wire."""
        imported = [ImportedAnswer.of(outcome) for outcome in found.outcomes]
        return cls(
            models=found.models,
            imported=[each for each in imported if each is not None],
            refused=[DriftAnswer.of(outcome.drift) for outcome in found.outcomes if not outcome.is_settled],
            next_cursor=found.next_cursor,
        )
