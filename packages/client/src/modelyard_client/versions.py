"""Versions of models: found, edited, and their files loaded. What is loaded is compared with its hash."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from modelyard_client.errors import Internal, UnexpectedAnswer
from modelyard_client.models import Version
from modelyard_client.transport import Transport, path
from modelyard_client.whole_files import draft_of
from modelyard_client.wire import Fields

_ROOT = ("api", "v1", "ml", "registry", "models")
Arrived = Callable[[int], None]
"""Hears how many bytes more have arrived."""


def _quiet(_: int) -> None:
    """No listener."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """One file of a version. `role` is its purpose: model, preprocessor, config, metrics, requirements, …"""

    path: str
    role: str
    size_bytes: int
    sha256: str

    @classmethod
    def from_json(cls, value: object) -> "Artifact":
        """Read an artifact of the API."""
        fields = Fields(value, noun="artifact")
        return cls(
            path=fields.text("path"),
            role=fields.text("role"),
            size_bytes=fields.integer("size_bytes"),
            sha256=fields.text("sha256"),
        )


class Versions:
    """`client.versions`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        name: str,
        *,
        stage: str | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: Sequence[str] = (),
        text: str | None = None,
        order: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Version]:
        """Versions of a model that meet every filter, newest first, fetched page by page as they are asked for.

        Args:
            metrics: conditions like `accuracy>=0.9`.
            order: `version` or `metrics.<name>`; with a hyphen before it, backwards.
        """
        query: dict[str, Any] = {
            "stage": stage,
            "tag": [f"{key}:{value}" for key, value in (tags or {}).items()],
            "metric": [*metrics],
            "text": text,
            "order": order,
        }
        pages = self._transport.pages(path(*_ROOT, name, "versions"), plural="versions", query=query, limit=limit)
        return (Version.from_json(item) for item in pages)

    def get(self, name: str, version: int) -> Version:
        """One version.

        Raises:
            NotFound: there is no such version.
        """
        return Version.from_json(self._transport.get(path(*_ROOT, name, "versions", version)))

    def edit(
        self,
        name: str,
        version: int,
        *,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        revision: int | None = None,
    ) -> Version:
        """Change what may change. A tag with None goes, the others are set; what is left out stays.

        Args:
            revision: that of the version which was seen.

        Raises:
            PreconditionFailed: it was changed concurrently.
        """
        body: dict[str, Any] = {"tags": dict(tags or {})}
        if description is not None:
            body["description"] = description
        where = path(*_ROOT, name, "versions", version)
        return Version.from_json(self._transport.patch(where, body, revision=revision))

    def lineage(self, name: str, version: int) -> Mapping[str, Any]:
        """The origin and the deployments of a version.

        Its keys are `version`, `parent_version`, `retrained_as`, `job`, `script`, `run` (with `data`), `image` and
        `deployments`.
        """
        answer: Mapping[str, Any] = self._transport.get(path(*_ROOT, name, "versions", version, "lineage"))
        return answer

    def made_from(
        self,
        *,
        run_id: str | None = None,
        job_id: str | None = None,
        script_sha256: str | None = None,
        deployment_id: str | None = None,
    ) -> Sequence[tuple[str, int]]:
        """Names and numbers of the versions that came of exactly one of these, newest first."""
        query = {
            "run_id": run_id,
            "job_id": job_id,
            "script_sha256": script_sha256,
            "deployment_id": deployment_id,
        }
        answer = Fields(self._transport.get("/api/v1/ml/registry/lineage", query=query), noun="list")
        found = [Fields(item, noun="version") for item in answer.items("versions")]
        return [(each.text("name"), each.integer("version")) for each in found]

    def example(self, name: str, version: int) -> Mapping[str, Any] | None:
        """A body for `/predict`: the version's input example; None when it has none, or one of more than a megabyte."""
        answer = self._transport.get(path(*_ROOT, name, "versions", version, "example"))
        return Fields(answer, noun="example").optional_mapping("request")

    def artifacts(self, name: str, version: int) -> Sequence[Artifact]:
        """The files of a version."""
        answer = self._transport.get(path(*_ROOT, name, "versions", version, "artifacts"))
        return [Artifact.from_json(item) for item in Fields(answer, noun="list").items("artifacts")]

    def download(self, name: str, version: int, artifact: Artifact, folder: Path, *, arrived: Arrived = _quiet) -> Path:
        """Load one file below a folder, under its own path there; gives where it is.

        It gets its name when it is whole and its hash is right, so what has the name is the file.

        Raises:
            Internal: code `artifact_corrupted`, when other bytes came than were registered.
        """
        place = folder / _below(artifact.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        where, digest = path(*_ROOT, name, "versions", version, "artifacts", "file"), hashlib.sha256()
        with draft_of(place) as draft:
            with (
                draft.open("xb") as file,
                self._transport.stream(where, query={"path": artifact.path}, headers={}) as chunks,
            ):
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
                    arrived(len(chunk))
            if digest.hexdigest() != artifact.sha256:
                raise Internal(f"{artifact.path}: other bytes came than were registered", code="artifact_corrupted")
        return place


def _below(name: str) -> PurePosixPath:
    """A path from a server, if it stays below a folder."""
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or not place.parts or "\\" in name or "\x00" in name:
        raise UnexpectedAnswer(f"expected a path below the version, got {name[:80]!r}", code="answer_invalid")
    return place
