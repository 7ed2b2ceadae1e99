"""The catalogue on the wire: models and versions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from modelyard.http.bodies import RequestBody
from modelyard.registry.domain import Dataset, Given, Model, Version
from modelyard.registry.metrics import MAX_METRIC_NAME

MAX_TAGS = 100
TagKey = Annotated[str, Field(min_length=1, max_length=250)]
TagValue = Annotated[str, Field(max_length=5000)]
ParameterNumber = Annotated[float, Field(gt=-(2**53), lt=2**53)]
Parameters = Annotated[
    dict[TagKey, bool | Annotated[int, Field(gt=-(2**53), lt=2**53)] | ParameterNumber | TagValue],
    Field(max_length=200, description="numbers, booleans and texts, kept as they are given"),
]
MetricName = Annotated[str, Field(min_length=1, max_length=MAX_METRIC_NAME)]
Description = Annotated[str, Field(max_length=10_000)]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=MAX_TAGS)]
Metrics = Annotated[dict[MetricName, float], Field(max_length=200)]
Owner = Annotated[str, Field(min_length=1, max_length=200)]


class Answer(BaseModel):
    """An answer. Its fields have no defaults, so none is forgotten."""

    model_config = ConfigDict(protected_namespaces=())


class GivenBody(RequestBody):
    """What may be said of a version that is registered by hand."""

    description: Description = ""
    tags: Tags = Field(default={})
    metrics: Metrics = Field(default={}, description="claimed, not measured by a run: policies distinguish the two")
    parameters: Parameters = Field(default={})

    def given(self) -> Given:
        """As the catalogue takes it."""
        return Given(description=self.description, tags=self.tags, metrics=self.metrics, parameters=self.parameters)


class RegisterBody(GivenBody):
    """A trained artifact that shall become the next version."""

    name: str
    artifact_id: str = Field(
        description="the id of a run, a logged model (`m-…`, `model-…`), an upload or a job, or a model's address",
        max_length=500,
    )


class VersionChange(RequestBody):
    """What may be edited of a version; what is left out stays. A tag with null goes, the others are set."""

    model_config = ConfigDict(json_schema_extra={"example": {"tags": {"reviewed": "yes", "draft": None}}})

    description: str | None = Field(default=None, max_length=10_000)
    tags: dict[TagKey, TagValue | None] = Field(default={}, max_length=MAX_TAGS)


class ModelChange(VersionChange):
    """What may be edited of a model; what is left out stays. Owners are given whole."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"description": "Who will leave.", "owners": ["ada"], "tags": {"team": "churn"}}}
    )

    owners: list[Owner] | None = Field(default=None, max_length=50)


class DatasetAnswer(Answer):
    """Data that the run says it used, or that it was given by a reference (`source_type` is `reference` then)."""

    name: str
    digest: str = Field(description="of its state; empty where nobody said it")
    source_type: str
    source: str
    context: str | None = Field(description="what it was for, in the run's own word: `training`, `test`, …")

    @classmethod
    def of(cls, dataset: Dataset) -> "DatasetAnswer":
        """The dataset on the wire."""
        return cls(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            context=dataset.context,
        )


class ProvenanceAnswer(Answer):
    """What the platform itself knows of how a version came to be; none of it is from tags that a script can write."""

    source: str | None = Field(description="`job`, `upload`, `import` or `run`; null of a version that is older")
    job_id: str | None = Field(description="the job that made it, or whose run it was made of")
    run_id: str | None
    experiment_name: str | None
    script_name: str | None
    script_sha256: str | None
    archive_sha256: str | None
    arguments: list[str]
    parameters: dict[str, JsonValue] = Field(description="what a notebook was given")
    environment: dict[str, str]
    secrets: list[str] = Field(description="names of the secrets that the run had")
    git_commit: str | None
    git_is_dirty: bool | None = Field(description="whether there were changes besides the commit")
    parent_version: int | None = Field(description="the version of this model whose recipe was run again")
    environment_lock_sha256: str | None
    registered_by: str
    registered_at: datetime

    @classmethod
    def of(cls, version: Version) -> "ProvenanceAnswer":
        """The provenance on the wire."""
        known = version.provenance
        return cls(
            source=known.source,
            job_id=version.job_id or known.job_id,
            run_id=version.run_id,
            experiment_name=version.experiment_name,
            script_name=known.script_name,
            script_sha256=known.script_sha256,
            archive_sha256=known.archive_sha256,
            arguments=list(known.arguments),
            parameters=dict(known.parameters),
            environment=dict(known.environment),
            secrets=list(known.secrets),
            git_commit=known.git_commit,
            git_is_dirty=known.git_is_dirty,
            parent_version=known.parent_version,
            environment_lock_sha256=version.lock_digest,
            registered_by=version.created_by,
            registered_at=version.created_at,
        )


class VersionAnswer(Answer):
    """A version in the catalogue."""

    name: str
    version: int
    stage: str
    artifact_uri: str
    run_id: str | None
    experiment_name: str | None
    metrics: dict[str, float | None] = Field(description="measured and claimed; a measured one before a claim")
    claimed_metrics: dict[str, float | None] = Field(description="what a caller said and no run has measured so")
    parameters: dict[str, bool | int | float | str]
    tags: dict[str, str]
    description: str
    signature: dict[str, Any] | None
    datasets: list[DatasetAnswer] | None = Field(
        description="as the run logged them, read at registration; null of a version that is older than this list"
    )
    manifest_sha256: str
    size_bytes: int
    created_at: datetime
    created_by: str
    job_id: str | None
    provenance: ProvenanceAnswer
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
            claimed_metrics=dict(version.claimed_metrics),
            parameters=dict(version.parameters),
            tags=dict(version.tags),
            description=version.description,
            signature=None if version.signature is None else dict(version.signature),
            datasets=None if version.datasets is None else [DatasetAnswer.of(one) for one in version.datasets],
            manifest_sha256=version.manifest_digest,
            size_bytes=version.size,
            created_at=version.created_at,
            created_by=version.created_by,
            job_id=version.job_id,
            provenance=ProvenanceAnswer.of(version),
            revision=version.revision,
        )


class ModelAnswer(Answer):
    """A model in the catalogue."""

    name: str
    label: str = Field(description="what stands for the name in DNS labels, folders and image tags: `my-model`")
    latest_version: int | None
    production_version: int | None
    staging_version: int | None
    description: str
    tags: dict[str, str]
    owners: list[str]
    created_at: datetime
    last_updated: datetime
    revision: int

    @classmethod
    def of(cls, model: Model) -> "ModelAnswer":
        """The model on the wire."""
        return cls(**_model_fields(model))


class ModelWithVersionsAnswer(ModelAnswer):
    """A model with its versions, newest first."""

    versions: list[VersionAnswer]

    @classmethod
    def with_versions(cls, model: Model, versions: Iterable[Version]) -> "ModelWithVersionsAnswer":
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
        "label": model.label,
        "latest_version": model.latest_version,
        "production_version": model.production_version,
        "staging_version": model.staging_version,
        "description": model.description,
        "tags": dict(model.tags),
        "owners": list(model.owners),
        "created_at": model.created_at,
        "last_updated": model.updated_at,
        "revision": model.revision,
    }
