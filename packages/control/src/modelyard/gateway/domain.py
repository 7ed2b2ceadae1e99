"""Version sets, APIs, their revisions and releases. Pure; what their fields may hold is in `fields`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from modelyard.errors import NotFound
from modelyard.gateway.states import ApiStatus
from modelyard.registry.states import Stage

DEFAULT_KEY_HEADER = "Ocp-Apim-Subscription-Key"
DEFAULT_KEY_QUERY = "subscription-key"


class VersioningScheme(StrEnum):
    """Where a request says which version of an API it wants."""

    SEGMENT = "Segment"
    """In the segment of the path behind the API's own: `/ml-model/v1/predict`."""
    HEADER = "Header"
    QUERY = "Query"


class OnMissing(StrEnum):
    """What a request that names no version gets."""

    ORIGINAL = "original"
    """The set's API without a version, where there is one; else 400."""
    DEFAULT = "default"
    """The version that the set names as its default."""
    REFUSE = "refuse"
    """400, with the list of versions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionSet:
    """APIs that are versions of one another, and how a request chooses one."""

    version_set_id: str
    tenant_id: str
    display_name: str
    description: str
    scheme: VersioningScheme
    parameter: str | None
    """The header's or the query parameter's name; None of SEGMENT."""
    on_missing: OnMissing
    default_version: str | None
    """The `api_version` that answers a request without one; only of DEFAULT."""
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int
    """Counts changes of the row, for `If-Match`."""

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"version-sets/{self.version_set_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What answers requests of an API. Of `service_url`, `deployment_id` and `model_name` exactly one is set."""

    service_url: str | None = None
    """A server that is none of ours."""
    deployment_id: str | None = None
    model_name: str | None = None
    """With `version` that one; with `stage` the one in this stage; alone what the model's stable address leads to."""
    version: int | None = None
    stage: Stage | None = None

    def to_json(self) -> dict[str, Any]:
        """What is set, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "Target":
        """The same, read."""
        stage = content.get("stage")
        return cls(**{**content, "stage": None if stage is None else Stage(stage)})

    @property
    def title(self) -> str:
        """For sentences: `version 3 of 'churn'`."""
        if self.service_url is not None:
            return self.service_url
        if self.deployment_id is not None:
            return f"deployment '{self.deployment_id}'"
        if self.version is not None:
            return f"version {self.version} of '{self.model_name}'"
        return (
            f"model '{self.model_name}'" if self.stage is None else f"the {self.stage} version of '{self.model_name}'"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """One version of an API, or an API without versions."""

    api_id: str
    tenant_id: str
    display_name: str
    description: str
    path: str
    """Without slashes at its ends: `ml-model`, `finance/churn`."""
    api_version: str | None
    version_set_id: str | None
    protocols: tuple[str, ...]
    """`https` alone: a request without TLS is redirected, or refused."""
    subscription_required: bool
    key_header: str
    key_query: str
    status: ApiStatus
    deprecated_at: datetime | None
    sunset_at: datetime | None
    """From when on it is retired."""
    successor: str | None
    """The `api_id` of the API that callers should go to."""
    notice_url: str | None
    """A page for people about its end: why, until when, and how to move."""
    current_revision: int | None
    """The one that answers; None before the first release."""
    latest_revision: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int
    """Counts changes of the row, for `If-Match`; not a revision of the API."""

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"apis/{self.api_id}"

    @property
    def is_original(self) -> bool:
        """Whether it was there before its set had versions, and answers requests that name none."""
        return self.version_set_id is not None and self.api_version is None

    def status_at(self, now: datetime) -> ApiStatus:
        """Its status at a moment: sunset comes by itself."""
        is_over = self.sunset_at is not None and self.sunset_at <= now
        return ApiStatus.RETIRED if is_over and self.status is ApiStatus.DEPRECATED else self.status


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A state of an API that callers need not know of. It never changes, except that it can be taken offline."""

    api_id: str
    tenant_id: str
    number: int
    """1, 2, 3: `;rev=2` behind the API's address leads to a revision that is not the current one."""
    target: Target
    description: str
    """For those who look after the API; its callers read the notes of releases."""
    timeout_seconds: float | None
    is_online: bool
    created_by: str
    created_at: datetime


class ReleaseCause(StrEnum):
    """Why another revision, or another version of a model, answers."""

    RELEASE = "release"
    """Somebody released a revision."""
    ROLLBACK = "rollback"
    """Somebody went back to the release before."""
    PROMOTION = "promotion"
    """The registry gave the stage that the API is bound to to another version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answering:
    """What answers an API after a release."""

    revision: int
    target: Target
    model_name: str | None = None
    version: int | None = None
    """Which one stood behind the target at that moment; None of a service URL, or when none did."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Of that version."""

    def to_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return {
            "revision": self.revision,
            "target": self.target.to_json(),
            "model_name": self.model_name,
            "version": self.version,
            "metrics": dict(self.metrics),
        }

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "Answering":
        """The same, read."""
        return cls(**{**content, "target": Target.of_json(content["target"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """An entry of an API's change log: what answers since then."""

    release_id: str
    tenant_id: str
    api_id: str
    number: int
    """Orders the releases of an API: 1, 2, 3."""
    cause: ReleaseCause
    notes: str
    """Callers of the API read them."""
    before: Answering | None
    after: Answering
    created_by: str
    created_at: datetime

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"apis/{self.api_id}/releases/{self.release_id}"

    @property
    def changes(self) -> Sequence[str]:
        """What another caller would notice, in short sentences."""
        if self.before is None:
            return [f"revision {self.after.revision} answers, at {self.after.target.title}"]
        found = []
        if self.before.revision != self.after.revision:
            found.append(f"revision {self.before.revision} → {self.after.revision}")
        if self.before.target != self.after.target:
            found.append(f"{self.before.target.title} → {self.after.target.title}")
        before, after = (_version_title(each) for each in (self.before, self.after))
        if before != after:
            found.append(f"{before} → {after}")
        return found


def version_set_not_found(version_set_id: str) -> NotFound:
    """What a question about a version set that is not there is answered with."""
    return NotFound(f"there is no version set '{version_set_id}'", code="version_set_not_found")


def api_not_found(api_id: str) -> NotFound:
    """What a question about an API that is not there is answered with."""
    return NotFound(f"there is no API '{api_id}'", code="api_not_found")


def revision_not_found(api_id: str, number: int) -> NotFound:
    """What a question about a revision that is not there is answered with."""
    return NotFound(f"API '{api_id}' has no revision {number}", code="api_revision_not_found")


def release_not_found(api_id: str, release_id: str) -> NotFound:
    """What a question about a release that is not there is answered with."""
    return NotFound(f"API '{api_id}' has no release '{release_id}'", code="release_not_found")


def _version_title(answering: Answering) -> str:
    return "no version" if answering.version is None else f"version {answering.version} of '{answering.model_name}'"
