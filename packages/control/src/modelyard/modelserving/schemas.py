"""Models and ModelVersions as `/api/v1/modelserving` shows them."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from modelyard.deletion.states import VersionState
from modelyard.deployments.domain import Deployment
from modelyard.http.bodies import RequestBody
from modelyard.images.requests import ImageCommand
from modelyard.images.schemas import PUSH, TARGET
from modelyard.registry.domain import Model, Version
from modelyard.registry.schemas import Answer, Description, GivenBody, Tags


class ModelBody(RequestBody):
    """A model that has no version yet."""

    name: str
    description: Description = ""
    tags: Tags = Field(default={})


class VersionBody(GivenBody):
    """A trained artifact that shall become the model's next version."""

    artifact_id: str = Field(
        description="the id of a run, a logged model (`m-…`, `model-…`), an upload or a job, or a model's address",
        max_length=500,
    )


class ImageOfArtifactBody(VersionBody):
    """An image of a trained artifact, of which the model's next version is made where it has none."""

    target: str | None = TARGET
    push: bool | None = PUSH

    def command(self) -> ImageCommand:
        """The image that is asked for."""
        return ImageCommand(target=self.target, push=self.push)


class EndpointAnswer(Answer):
    """Where a version answers, or will."""

    deployment_id: str
    status: str
    url: str | None


class ModelVersionAnswer(Answer):
    """A ModelVersion."""

    name: str
    version: int
    state: str = Field(description="`active`, or `deleting` while a job deletes it")
    stage: str
    description: str
    tags: dict[str, str]
    experiment_name: str | None
    run_id: str | None
    parent_version: int | None = Field(description="the version whose recipe was run again")
    deployment_endpoint: str | None = Field(description="of the first deployment that is ready")
    api_url: str | None = Field(
        description="the model's stable address at the gateway; `/versions/<n>` below it is this version's; null where "
        "there is no gateway"
    )
    deployments: list[EndpointAnswer]
    image_name: str | None = Field(description="of the newest image, pinned by its digest; null while there is none")
    deletion_job_id: str | None
    created_at: datetime
    created_by: str
    revision: int

    @classmethod
    def of(
        cls, version: Version, deployments: Sequence[Deployment], image_name: str | None, api_url: str | None
    ) -> "ModelVersionAnswer":
        """The version on the wire."""
        ready = [one.url for one in deployments if one.status == "ready" and one.url is not None]
        return cls(
            name=version.model_name,
            version=version.version,
            state=VersionState.ACTIVE if version.deletion_job_id is None else VersionState.DELETING,
            stage=version.stage,
            description=version.description,
            tags=dict(version.tags),
            experiment_name=version.experiment_name,
            run_id=version.run_id,
            parent_version=version.provenance.parent_version,
            deployment_endpoint=ready[0] if ready else None,
            api_url=api_url,
            deployments=[
                EndpointAnswer(deployment_id=one.deployment_id, status=one.status, url=one.url) for one in deployments
            ],
            image_name=image_name,
            deletion_job_id=version.deletion_job_id,
            created_at=version.created_at,
            created_by=version.created_by,
            revision=version.revision,
        )


class ModelVersionsAnswer(Answer):
    """A page of ModelVersions, newest first."""

    versions: list[ModelVersionAnswer]
    next_cursor: str | None


class ServedModelAnswer(Answer):
    """A Model."""

    name: str
    label: str = Field(description="what stands for the name in DNS labels, folders and image tags: `my-model`")
    state: str = Field(description="`active`, or `deleting` while a job deletes it with all its versions")
    description: str
    tags: dict[str, str]
    owners: list[str]
    latest_version: int | None
    production_version: int | None
    staging_version: int | None
    deletion_job_id: str | None
    created_at: datetime
    last_updated: datetime
    revision: int

    @classmethod
    def of(cls, model: Model) -> "ServedModelAnswer":
        """The model on the wire."""
        return cls(
            name=model.name,
            label=model.label,
            state=VersionState.ACTIVE if model.deletion_job_id is None else VersionState.DELETING,
            description=model.description,
            tags=dict(model.tags),
            owners=list(model.owners),
            latest_version=model.latest_version,
            production_version=model.production_version,
            staging_version=model.staging_version,
            deletion_job_id=model.deletion_job_id,
            created_at=model.created_at,
            last_updated=model.updated_at,
            revision=model.revision,
        )


class ServedModelsAnswer(Answer):
    """A page of Models, by name."""

    models: list[ServedModelAnswer]
    next_cursor: str | None
