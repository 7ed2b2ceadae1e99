"""Uploads on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from modelyard.http.bodies import RequestBody
from modelyard.registry.schemas import Answer, Metrics, Parameters, Tags
from modelyard.uploads.domain import Upload
from modelyard.uploads.states import UploadStatus

Requirement = Annotated[str, Field(min_length=1, max_length=500)]


class UploadBody(RequestBody):
    """The announced file, and the metadata of its version."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "churn",
                "file_name": "model.tar",
                "size_bytes": 20480,
                "sha256": "0" * 64,
                "tags": {"team": "growth"},
            }
        }
    )

    name: str = Field(description="the model's name")
    file_name: str = Field(description="an archive of an MLflow model's folder, or a model in one file")
    size_bytes: int = Field(ge=1, le=2**53)
    sha256: str = Field(description="of the whole file, in hex", pattern="^[0-9a-f]{64}$")
    description: str = Field(default="", max_length=10_000)
    tags: Tags = Field(default={})
    metrics: Metrics = Field(default={})
    parameters: Parameters = Field(default={})
    requirements: list[Requirement] = Field(
        default=[], max_length=200, description="of a model in one file: what loads it"
    )


class UploadAnswer(Answer):
    """An upload as it stands. The next piece begins at `received_bytes`."""

    upload_id: str
    name: str
    file_name: str
    size_bytes: int
    received_bytes: int
    sha256: str
    status: UploadStatus
    job_id: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, upload: Upload) -> "UploadAnswer":
        """The upload on the wire."""
        return cls(
            upload_id=upload.upload_id,
            name=upload.model_name,
            file_name=upload.file_name,
            size_bytes=upload.size,
            received_bytes=upload.received,
            sha256=upload.sha256,
            status=upload.status,
            job_id=upload.job_id,
            created_by=upload.created_by,
            created_at=upload.created_at,
            expires_at=upload.expires_at,
        )


class UploadsAnswer(Answer):
    """A page of uploads, newest first."""

    uploads: list[UploadAnswer]
    next_cursor: str | None


class SubmittedAnswer(Answer):
    """The job that makes the upload a version."""

    upload_id: str
    job_id: str
    status: str
    message: str
