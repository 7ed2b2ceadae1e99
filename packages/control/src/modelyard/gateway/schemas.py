"""Version sets, APIs, revisions and releases on the wire. Names are those of Azure API Management where it has one."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from modelyard.gateway.domain import (
    DEFAULT_KEY_HEADER,
    DEFAULT_KEY_QUERY,
    Answering,
    Api,
    OnMissing,
    Release,
    Revision,
    Target,
    VersioningScheme,
    VersionSet,
)
from modelyard.gateway.states import ApiStatus
from modelyard.http.bodies import RequestBody
from modelyard.http.moment import Moment
from modelyard.registry.states import Stage

_Id = Annotated[str, Field(max_length=80, examples=["ml-model-v1"])]
_DisplayName = Annotated[str, Field(min_length=1, max_length=300, examples=["ML Model Serving v1"])]
_Description = Annotated[str, Field(max_length=5000)]
_Notes = Annotated[str, Field(max_length=10_000, examples=["Initial Release of ML Model v1"])]
_Name = Annotated[str, Field(max_length=100)]
_Timeout = Annotated[float, Field(ge=0.001, le=86_400)]
_Protocols = Annotated[list[Annotated[str, Field(max_length=10)]], Field(max_length=5, examples=[["https"]])]
# Strict bodies take no text for an enumeration or a time.
_Scheme = Annotated[VersioningScheme, Field(strict=False)]
_OnMissing = Annotated[OnMissing, Field(strict=False)]
_Status = Annotated[ApiStatus, Field(strict=False)]
_Stage = Annotated[Stage, Field(strict=False)]
_Time = Annotated[Moment, Field(strict=False)]


class VersionSetRequest(RequestBody):
    """A version set to make."""

    version_set_id: _Id | None = None
    display_name: _DisplayName
    description: _Description = ""
    versioning_scheme: _Scheme
    version_header_name: _Name | None = None
    version_query_name: _Name | None = None
    on_missing: _OnMissing = OnMissing.ORIGINAL
    default_version: _Name | None = None


class VersionSetChange(RequestBody):
    """What shall change of a version set."""

    display_name: _DisplayName | None = None
    description: _Description | None = None
    on_missing: _OnMissing | None = None
    default_version: _Name | None = None


class KeyNames(RequestBody):
    """Where callers put their subscription key."""

    header: _Name = DEFAULT_KEY_HEADER
    query: _Name = DEFAULT_KEY_QUERY


class TargetFields(RequestBody):
    """What answers: a server of somebody else's, a deployment, or a model with a version, a stage, or neither."""

    service_url: Annotated[str, Field(max_length=1000, examples=["http://backend-for-ml-model-v1"])] | None = None
    deployment_id: Annotated[str, Field(max_length=80)] | None = None
    model_name: Annotated[str, Field(max_length=255)] | None = None
    version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    stage: _Stage | None = None
    timeout_seconds: _Timeout | None = None

    def target(self) -> Target:
        """The target that is named."""
        return Target(
            service_url=self.service_url,
            deployment_id=self.deployment_id,
            model_name=self.model_name,
            version=self.version,
            stage=self.stage,
        )


class ApiRequest(TargetFields):
    """An API to make, with its first revision."""

    api_id: _Id
    display_name: _DisplayName
    description: _Description = ""
    path: Annotated[str, Field(max_length=400, examples=["ml-model"])]
    api_version: Annotated[str, Field(max_length=100, examples=["v1"])] | None = None
    api_version_set_id: _Id | None = None
    protocols: _Protocols = Field(default=["http", "https"])
    subscription_required: bool = True
    subscription_key_parameter_names: KeyNames = Field(default_factory=KeyNames)


class ApiChange(RequestBody):
    """What shall change of an API. `status` deprecated with `sunset_at`: it is retired by itself then."""

    display_name: _DisplayName | None = None
    description: _Description | None = None
    protocols: _Protocols | None = None
    subscription_required: bool | None = None
    subscription_key_parameter_names: KeyNames | None = None
    status: _Status | None = None
    deprecated_at: _Time | None = None
    sunset_at: _Time | None = None
    successor: _Id | None = None
    notice_url: Annotated[str, Field(max_length=1000, examples=["https://docs.example.com/ml-model-v1"])] | None = None

    def changes(self) -> dict[str, Any]:
        """What was given, by the domain's names. A date that is null is taken away."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        names = given.pop("subscription_key_parameter_names", None)
        keys = {} if names is None else {"key_header": names.header, "key_query": names.query}
        nullable = ("deprecated_at", "sunset_at", "successor", "notice_url")
        return keys | {name: value for name, value in given.items() if value is not None or name in nullable}


class RevisionRequest(TargetFields):
    """Another revision."""

    description: _Description = ""


class RevisionChange(RequestBody):
    """Whether a revision answers behind `;rev=N`."""

    is_online: bool


class ReleaseRequest(RequestBody):
    """A release: the revision that shall answer, the latest one when none is named."""

    release_id: Annotated[str, Field(max_length=80, examples=["ml-model-release-v1"])] | None = None
    revision: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    api_release_notes: _Notes = ""


class RollbackRequest(RequestBody):
    """Why."""

    api_release_notes: _Notes = ""


class VersionSetAnswer(BaseModel):
    """A version set."""

    version_set_id: str
    display_name: str
    description: str
    versioning_scheme: VersioningScheme
    version_header_name: str | None
    version_query_name: str | None
    on_missing: OnMissing
    default_version: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int

    @classmethod
    def of(cls, version_set: VersionSet) -> "VersionSetAnswer":
        """The version set on the wire."""
        return cls(
            version_set_id=version_set.version_set_id,
            display_name=version_set.display_name,
            description=version_set.description,
            versioning_scheme=version_set.scheme,
            version_header_name=version_set.parameter if version_set.scheme is VersioningScheme.HEADER else None,
            version_query_name=version_set.parameter if version_set.scheme is VersioningScheme.QUERY else None,
            on_missing=version_set.on_missing,
            default_version=version_set.default_version,
            created_by=version_set.created_by,
            created_at=version_set.created_at,
            updated_at=version_set.updated_at,
            revision=version_set.revision,
        )


class VersionSetsAnswer(BaseModel):
    """A page of version sets, by id."""

    version_sets: list[VersionSetAnswer]
    next_cursor: str | None


class KeyNamesAnswer(BaseModel):
    """Where callers put their subscription key."""

    header: str
    query: str


class ApiAnswer(BaseModel):
    """An API."""

    api_id: str
    display_name: str
    description: str
    path: str
    api_version: str | None
    api_version_set_id: str | None
    protocols: list[str]
    subscription_required: bool
    subscription_key_parameter_names: KeyNamesAnswer
    status: ApiStatus
    deprecated_at: datetime | None
    sunset_at: datetime | None
    successor: str | None
    notice_url: str | None = Field(description="a page for people about its end")
    current_revision: int | None = Field(description="the one that answers; null before the first release")
    latest_revision: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int = Field(description="of this object, for `If-Match`; not a revision of the API")
    refused: str | None = Field(
        description="why the gateway goes on with what was at its path before; null: it does not"
    )

    @classmethod
    def of(cls, api: Api, now: datetime, *, refused: str | None) -> "ApiAnswer":
        """The API on the wire."""
        return cls(
            api_id=api.api_id,
            display_name=api.display_name,
            description=api.description,
            path=api.path,
            api_version=api.api_version,
            api_version_set_id=api.version_set_id,
            protocols=list(api.protocols),
            subscription_required=api.subscription_required,
            subscription_key_parameter_names=KeyNamesAnswer(header=api.key_header, query=api.key_query),
            status=api.status_at(now),
            deprecated_at=api.deprecated_at,
            sunset_at=api.sunset_at,
            successor=api.successor,
            notice_url=api.notice_url,
            current_revision=api.current_revision,
            latest_revision=api.latest_revision,
            created_by=api.created_by,
            created_at=api.created_at,
            updated_at=api.updated_at,
            revision=api.revision,
            refused=refused,
        )


class ApisAnswer(BaseModel):
    """A page of APIs, by id."""

    apis: list[ApiAnswer]
    next_cursor: str | None


class TargetAnswer(BaseModel):
    """What answers; one of `service_url`, `deployment_id` and `model_name` is set."""

    service_url: str | None
    deployment_id: str | None
    model_name: str | None
    version: int | None
    stage: Stage | None

    @classmethod
    def of(cls, target: Target) -> "TargetAnswer":
        """The target on the wire."""
        return cls(**{name: getattr(target, name) for name in cls.model_fields})


class RevisionAnswer(BaseModel):
    """A revision of an API."""

    api_revision: int
    target: TargetAnswer
    description: str
    timeout_seconds: float | None
    is_online: bool
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, revision: Revision) -> "RevisionAnswer":
        """The revision on the wire."""
        return cls(
            api_revision=revision.number,
            target=TargetAnswer.of(revision.target),
            description=revision.description,
            timeout_seconds=revision.timeout_seconds,
            is_online=revision.is_online,
            created_by=revision.created_by,
            created_at=revision.created_at,
        )


class RevisionsAnswer(BaseModel):
    """All revisions of an API, the newest first."""

    revisions: list[RevisionAnswer]


class AnsweringAnswer(BaseModel):
    """What answers an API after, or before, a release."""

    revision: int
    target: TargetAnswer
    model_name: str | None
    version: int | None
    metrics: dict[str, float | None]

    @classmethod
    def of(cls, answering: Answering) -> "AnsweringAnswer":
        """The same on the wire."""
        return cls(
            revision=answering.revision,
            target=TargetAnswer.of(answering.target),
            model_name=answering.model_name,
            version=answering.version,
            metrics=dict(answering.metrics),
        )


class ReleaseAnswer(BaseModel):
    """An entry of an API's change log."""

    release_id: str
    api_id: str
    number: int
    cause: str = Field(description="release, rollback or promotion")
    api_release_notes: str
    changes: list[str]
    before: AnsweringAnswer | None
    after: AnsweringAnswer
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, release: Release) -> "ReleaseAnswer":
        """The release on the wire."""
        return cls(
            release_id=release.release_id,
            api_id=release.api_id,
            number=release.number,
            cause=release.cause,
            api_release_notes=release.notes,
            changes=list(release.changes),
            before=None if release.before is None else AnsweringAnswer.of(release.before),
            after=AnsweringAnswer.of(release.after),
            created_by=release.created_by,
            created_at=release.created_at,
        )


class ReleasesAnswer(BaseModel):
    """The change log of an API, the newest first."""

    releases: list[ReleaseAnswer]
    next_cursor: str | None
