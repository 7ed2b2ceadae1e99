"""The catalogue on the wire: models and versions."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from modelyard.http.bodies import RequestBody
from modelyard.registry.domain import Model, Version


class Answer(BaseModel):
    """An answer. Its fields have no defaults, so none is forgotten."""

    model_config = ConfigDict(protected_namespaces=())


class RegisterBody(RequestBody):
    """A trained artifact that shall become the next version."""

    name: str
    artifact_id: str = Field(
        description="a run's id, a logged model's id (`m-…`), or a model's address", max_length=500
    )
    description: str = Field(default="", max_length=10_000)
    tags: dict[str, str] = Field(default={}, max_length=100)
    metrics: dict[str, float] = Field(default={}, max_length=200)


class VersionAnswer(Answer):
    """A version in the catalogue."""

    name: str
    version: int
    stage: str
    artifact_uri: str
    run_id: str | None
    experiment_name: str | None
    metrics: dict[str, float | None]
    parameters: dict[str, str]
    tags: dict[str, str]
    description: str
    signature: dict[str, Any] | None
    manifest_sha256: str
    size_bytes: int
    created_at: datetime
    created_by: str
    job_id: str | None
    revision: int

    @classmethod
    def of(cls, version: Version) -> "VersionAnswer":
        """The version on the wire."""
        return cls(
            name=version.model_name,
            version=version.version,
            stage=version.stage,
            artifact_uri=version.artifact_uri,
            run_id=version.run_id,
            experiment_name=version.experiment_name,
            metrics=dict(version.metrics),
            parameters=dict(version.parameters),
            tags=dict(version.tags),
            description=version.description,
            signature=None if version.signature is None else dict(version.signature),
            manifest_sha256=version.manifest_digest,
            size_bytes=version.size,
            created_at=version.created_at,
            created_by=version.created_by,
            job_id=version.job_id,
            revision=version.revision,
        )


class ModelAnswer(Answer):
    """A model in the catalogue."""

    name: str
    latest_version: int | None
    production_version: int | None
    staging_version: int | None
    description: str
    tags: dict[str, str]
    created_at: datetime
    last_updated: datetime

    @classmethod
    def of(cls, model: Model) -> "ModelAnswer":
        """The model on the wire."""
        return cls(**_model_fields(model))


class ModelWithVersionsAnswer(ModelAnswer):
    """A model with its versions, newest first."""

    versions: list[VersionAnswer]

    @classmethod
    def with_versions(cls, model: Model, versions: list[Version]) -> "ModelWithVersionsAnswer":
        """The model on the wire."""
        return cls(**_model_fields(model), versions=[VersionAnswer.of(version) for version in versions])


class ModelsAnswer(Answer):
    """A page of models by name."""

    models: list[ModelAnswer]
    next_cursor: str | None


class VersionsAnswer(Answer):
    """A page of versions, newest first."""

    versions: list[VersionAnswer]
    next_cursor: str | None


def _model_fields(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "latest_version": model.latest_version,
        "production_version": model.production_version,
        "staging_version": model.staging_version,
        "description": model.description,
        "tags": dict(model.tags),
        "created_at": model.created_at,
        "last_updated": model.updated_at,
    }
