"""The mirror of the registry in MLflow: what differs, its repair, and the import of what was registered there."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelyard_client.jobs import Submission
from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_MIRROR = "/api/v1/ml/registry/mirror"
_IMPORTS = ("api", "v1", "ml", "registry", "mirror", "imports")
_COMPARED = 50
_WORKED = 5
"""Models in one call that may write much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """One difference between the registry and MLflow's."""

    kind: str
    """model_missing, version_missing, description, tag, alias, stage, surplus, unshowable, unimported or refused."""
    name: str
    version: int | None
    mlflow_name: str
    mlflow_version: int | None
    key: str | None
    """Which tag or alias."""
    expected: str | None
    found: str | None
    reason: str

    @classmethod
    def from_json(cls, value: object) -> "Drift":
        """Read a difference of the API."""
        fields = Fields(value, noun="difference")
        return cls(
            kind=fields.text("kind"),
            name=fields.text("name"),
            version=fields.optional_integer("version"),
            mlflow_name=fields.text("mlflow_name"),
            mlflow_version=fields.optional_integer("mlflow_version"),
            key=fields.optional_text("key"),
            expected=fields.optional_text("expected"),
            found=fields.optional_text("found"),
            reason=fields.text("reason"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """A version of the registry, and MLflow's that it was."""

    name: str
    version: int
    mlflow_name: str
    mlflow_version: int

    @classmethod
    def from_json(cls, value: object) -> "Imported":
        """Read an import of the API."""
        fields = Fields(value, noun="import")
        return cls(
            name=fields.text("name"),
            version=fields.integer("version"),
            mlflow_name=fields.text("mlflow_name"),
            mlflow_version=fields.integer("mlflow_version"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """What was repaired, and what remains for a person or an import."""

    repaired: tuple[Drift, ...]
    remaining: tuple[Drift, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Import:
    """What was imported, and what was not, with the reason: the first of each, and how many there were."""

    imported: tuple[Imported, ...]
    refused: tuple[Drift, ...]
    imported_count: int
    refused_count: int


class Mirror:
    """`client.mirror`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def status(self) -> Iterator[Drift]:
        """Every difference, compared page by page as they are asked for.

        Raises:
            Unavailable: MLflow does not answer.
        """
        for page in self._pages("GET", "", limit=_COMPARED):
            yield from (Drift.from_json(item) for item in page.items("drift"))

    def repair(self) -> Repair:
        """Make MLflow show what the registry says. Needs the permission `models:govern`."""
        pages = list(self._pages("POST", "/repair", limit=_WORKED))
        return Repair(
            repaired=tuple(Drift.from_json(item) for page in pages for item in page.items("repaired")),
            remaining=tuple(Drift.from_json(item) for page in pages for item in page.items("remaining")),
        )

    def take_over(self) -> Submission:
        """A job that imports what was registered in MLflow, also what was refused before; the one that is under way."""
        return Submission.from_json(self._transport.send("POST", f"{_MIRROR}/import", is_repeatable=True).json())

    def import_of(self, job_id: str) -> Import:
        """What such a job has imported by now.

        Raises:
            NotFound: there is no such import.
        """
        fields = Fields(self._transport.get(path(*_IMPORTS, job_id)), noun="import")
        return Import(
            imported=tuple(Imported.from_json(item) for item in fields.items("imported")),
            refused=tuple(Drift.from_json(item) for item in fields.items("refused")),
            imported_count=fields.integer("imported_count"),
            refused_count=fields.integer("refused_count"),
        )

    def _pages(self, method: str, verb: str, *, limit: int) -> Iterator[Fields]:
        """All pages. Each call can be repeated: what is done already is not done again."""
        cursor: str | None = None
        while True:
            query = {"limit": limit, "cursor": cursor}
            answer = self._transport.send(method, _MIRROR + verb, query=query, is_repeatable=True)
            page = Fields(answer.json(), noun="page of the mirror")
            yield page
            cursor = page.optional_text("next_cursor")
            if cursor is None:
                return
