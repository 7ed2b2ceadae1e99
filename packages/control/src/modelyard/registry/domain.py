"""Models, versions, and the manifest that makes a version immutable. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.registry.parameters import ParameterValue
from modelyard.registry.provenance import Provenance
from modelyard.registry.states import Stage

MAX_PATH_LENGTH = 500
MAX_PATH_BYTES = 1500
"""In UTF-8. A row of an index on PostgreSQL holds 2,704 bytes, of which tenant and model may take 1,060."""
MAX_VERSION = 2**31 - 1
_PLATFORM_TAGS = ("modelyard.", "mlflow.")
"""Keys of tags that the platform and the tracker keep for themselves begin so."""


@dataclass(frozen=True, slots=True)
class StagedVersion:
    """That a version is in a stage."""

    tenant_id: str
    model_name: str
    version: int
    stage: Stage


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a version. `path` is relative, with `/`; `sha256` is in hex, `size` in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Every file of a version, by path."""

    files: tuple[FileEntry, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the canonical list: two versions with the same digest hold the same bytes."""
        rows = sorted([file.path, file.sha256, file.size] for file in self.files)
        return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Data that a version's run says it used, or was given. The digest identifies its state."""

    name: str
    digest: str
    """Empty where nobody said it."""
    source_type: str
    source: str
    context: str | None
    """What it was for, in the run's own word; None when nobody said."""


@dataclass(frozen=True, slots=True)
class Model:
    """A name in the catalogue, with where its versions stand."""

    tenant_id: str
    name: str
    label: str
    """Stands for the name where a DNS label, a folder or an image's tag is needed; one model's of its tenant."""
    mirror_name: str
    """What MLflow calls it."""
    description: str
    tags: Mapping[str, str]
    owners: Sequence[str]
    created_at: datetime
    updated_at: datetime
    revision: int
    """Counts every change of the model and of its versions, for `If-Match`."""
    latest_version: int | None
    production_version: int | None
    staging_version: int | None
    deletion_job_id: str | None = None
    """The job that deletes it and all of its versions."""

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"models/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What who registers a version says of it."""

    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a version is made of, before it has a number."""

    model_name: str
    model_uri: str
    """What the tracker loads it by: `models:/m-…` or `runs:/<run>/<name>`."""
    artifact_uri: str
    run_id: str | None
    experiment_name: str | None
    description: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float | None]
    """Measured ones and claimed ones, a measured one before a claim of its name.

    None where the run logged NaN or an infinity, which neither JSON nor every database has.
    """
    claimed_metrics: Mapping[str, float | None]
    """What a caller said, where no run measured the same."""
    parameters: Mapping[str, ParameterValue]
    signature: Mapping[str, Any] | None
    """As MLflow wrote it: lists of inputs, outputs and params."""
    manifest: Manifest
    lock_digest: str | None
    """The exact environment that it was trained in, where we know it."""
    job_id: str | None
    datasets: Sequence[Dataset] = ()
    provenance: Provenance = field(default_factory=Provenance)


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version. Only its stage, description and tags ever change."""

    tenant_id: str
    model_name: str
    version: int
    stage: Stage
    model_uri: str
    artifact_uri: str
    run_id: str | None
    experiment_name: str | None
    description: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float | None]
    parameters: Mapping[str, ParameterValue]
    signature: Mapping[str, Any] | None
    manifest_digest: str
    size: int
    lock_digest: str | None
    job_id: str | None
    created_at: datetime
    created_by: str
    revision: int
    """Counts the changes of its stage, description and tags, for `If-Match`."""
    deletion_job_id: str | None = None
    """The job that deletes it; from then on nothing new begins with it."""
    datasets: Sequence[Dataset] | None = None
    """As its run logged them, read at registration; None of a version that is older than this list."""
    claimed_metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Those that a caller gave, which no run has measured so; `metrics` has them where none has measured the name."""
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def measured_metrics(self) -> Mapping[str, float | None]:
        """Those that its run logged. A claim that equals what was measured is none."""
        claimed = self.claimed_metrics
        return {name: value for name, value in self.metrics.items() if name not in claimed or claimed[name] != value}

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"models/{self.model_name}/versions/{self.version}"

    @property
    def key(self) -> str:
        """Tells it apart from every other version of every tenant."""
        return f"{self.tenant_id}/{self.model_name}/{self.version}"


def can_be_a_number(number: int) -> bool:
    """Whether a version can have this number. No database is asked for any other."""
    return 0 < number <= MAX_VERSION


def refuse_platform_tags(keys: Iterable[str]) -> None:
    """Let nobody write tags in the platform's or the tracker's name.

    Raises:
        Invalid: code `tags_invalid`.
    """
    for key in keys:
        if key.startswith(_PLATFORM_TAGS):
            raise Invalid(
                f"tags: the key {key[:80]!r} is the platform's own: expected one that begins with neither "
                f"{' nor '.join(map(repr, _PLATFORM_TAGS))}",
                code="tags_invalid",
                field="tags",
            )


def user_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that people and scripts gave, without those in the platform's or the tracker's name."""
    return {key: value for key, value in tags.items() if not key.startswith(_PLATFORM_TAGS)}


def shown_metrics(
    measured: Mapping[str, float | None], claimed: Mapping[str, float | None]
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """The metrics of a version, and which of them are claims; a claim that was measured so is none."""
    only_claimed = {name: value for name, value in claimed.items() if name not in measured or measured[name] != value}
    return {**only_claimed, **measured}, only_claimed


def model_not_found(name: str) -> NotFound:
    """What a question about a model that is not there is answered with."""
    return NotFound(f"there is no model '{name}'", code="model_not_found")


def version_not_found(name: str, number: int | None) -> NotFound:
    """What a question about a version that is not there is answered with."""
    return NotFound(f"model '{name}' has no version {number}", code="version_not_found")


def refuse_deleting(version: Version) -> None:
    """Let nothing new begin with a version that is being deleted.

    Raises:
        Conflict: code `version_deleting`.
    """
    if version.deletion_job_id is not None:
        raise Conflict(
            f"version {version.version} of '{version.model_name}' is being deleted by job '{version.deletion_job_id}'",
            code="version_deleting",
        )


def check_manifest(manifest: Manifest) -> None:
    """Whether what a run logged can be a version.

    Raises:
        Invalid: code `artifact_invalid`.
    """
    if not manifest.files:
        raise Invalid("the logged model holds no file", code="artifact_invalid")
    for file in manifest.files:
        if len(file.path) > MAX_PATH_LENGTH or not file.path.isprintable():
            raise Invalid(
                f"the logged model holds a file whose path is not 1 to {MAX_PATH_LENGTH} printable characters: "
                f"{file.path[:80]!a}",
                code="artifact_invalid",
            )
        if (size := len(file.path.encode())) > MAX_PATH_BYTES:
            raise Invalid(
                f"the logged model holds a file whose path has {size} bytes in UTF-8, expected at most "
                f"{MAX_PATH_BYTES}: {file.path[:80]!a}",
                code="artifact_invalid",
            )


def manifest_difference(expected: Manifest, found: Manifest) -> Sequence[str]:
    """Paths that are missing, changed or not listed, sorted."""
    wanted = {file.path: file for file in expected.files}
    present = {file.path: file for file in found.files}
    return sorted(path for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))
