"""What the platform itself knows of how a version came to be: nothing of it is from a tag that a script wrote. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Source(StrEnum):
    """What made a version."""

    JOB = "job"
    """A job of ours that ran a script."""
    UPLOAD = "upload"
    IMPORT = "import"
    """Somebody registered it in MLflow directly."""
    RUN = "run"
    """Somebody registered a run or a logged model of the tracker by hand."""


@dataclass(frozen=True, slots=True)
class DataReference:
    """Data that a run was given, by where it is. Nothing of the platform fetches it."""

    uri: str
    sha256: str | None = None
    """In hex; None where nobody said it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Facts of a version besides those that have a column of their own: job, run, experiment, lock, who and when."""

    source: Source | None = None
    """None of a version that is older than this list."""
    job_id: str | None = None
    """The job whose run it was made of, where the version was not made by the job itself."""
    script_name: str | None = None
    script_sha256: str | None = None
    archive_sha256: str | None = None
    """Of the archive that was sent: a project's, or an upload's."""
    arguments: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What a notebook was given."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables that the request set, without secrets."""
    secrets: Sequence[str] = ()
    """Their names; no row has a value of one once the job has ended."""
    git_commit: str | None = None
    """As the sender says, as is whether there were changes that the commit does not have."""
    git_is_dirty: bool | None = None
    data: Mapping[str, DataReference] = field(default_factory=dict)
    """What the run was given, by name."""
    parent_version: int | None = None
    """The version of the same model whose recipe was run again."""

    def to_json(self) -> dict[str, Any]:
        """As the database keeps it, in the field's order; the script's digest has a column, by which it is found."""
        fields = asdict(self)
        del fields["script_sha256"]
        return {
            **fields,
            "arguments": list(self.arguments),
            "parameters": dict(self.parameters),
            "environment": dict(self.environment),
            "secrets": list(self.secrets),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], *, script_sha256: str | None) -> "Provenance":
        """Read what `to_json` wrote, now or in an earlier release."""
        source = fields.get("source")
        return cls(
            source=None if source is None else Source(source),
            job_id=fields.get("job_id"),
            script_name=fields.get("script_name"),
            script_sha256=script_sha256,
            archive_sha256=fields.get("archive_sha256"),
            arguments=tuple(fields.get("arguments") or ()),
            parameters=fields.get("parameters") or {},
            environment=fields.get("environment") or {},
            secrets=tuple(fields.get("secrets") or ()),
            git_is_dirty=fields.get("git_is_dirty"),
            git_commit=fields.get("git_commit"),
            data={name: DataReference(**each) for name, each in (fields.get("data") or {}).items()},
            parent_version=fields.get("parent_version"),
        )
