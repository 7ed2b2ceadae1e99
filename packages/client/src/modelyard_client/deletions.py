"""Deleting versions and models: the plan, the job, tombstones and restoring; and retention holds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from modelyard_client.jobs import Submission
from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One thing that would go."""

    kind: str
    """deployment, image, version, model, registered_version, run, experiment or artifacts."""
    name: str
    version: int | None
    detail: str
    size_bytes: int | None

    @classmethod
    def from_json(cls, value: object) -> "Piece":
        """Read a piece of the API."""
        fields = Fields(value, noun="piece")
        return cls(
            kind=fields.text("kind"),
            name=fields.text("name"),
            version=fields.optional_integer("version"),
            detail=fields.optional_text("detail") or "",
            size_bytes=fields.optional_integer("size_bytes"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """One thing that stays although it might go, and why."""

    kind: str
    name: str
    reason: str

    @classmethod
    def from_json(cls, value: object) -> "Kept":
        """Read it from the API."""
        fields = Fields(value, noun="kept thing")
        return cls(kind=fields.text("kind"), name=fields.text("name"), reason=fields.text("reason"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocker:
    """What stops the deletion."""

    code: str
    version: int | None
    message: str

    @classmethod
    def from_json(cls, value: object) -> "Blocker":
        """Read it from the API."""
        fields = Fields(value, noun="blocker")
        return cls(code=fields.text("code"), version=fields.optional_integer("version"), message=fields.text("message"))


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletionPlan:
    """All that a deletion would do, in the order in which it would; nothing was changed."""

    name: str
    version: int | None
    revision: int
    """Of what would go: a deletion that is bound to it is of what this plan showed."""
    delete_mode: int
    is_blocked: bool
    removes: tuple[Piece, ...]
    counts: Mapping[str, int]
    """How much of each kind would go, also what `removes` does not name."""
    keeps: tuple[Kept, ...]
    blockers: tuple[Blocker, ...]
    size_bytes: int
    purge_after: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "DeletionPlan":
        """Read a plan of the API."""
        fields = Fields(value, noun="plan")
        return cls(
            name=fields.text("name"),
            version=fields.optional_integer("version"),
            revision=fields.integer("revision"),
            delete_mode=fields.integer("delete_mode"),
            is_blocked=fields.boolean("is_blocked"),
            removes=tuple(Piece.from_json(item) for item in fields.items("removes")),
            counts=_counts(fields.items("counts")),
            keeps=tuple(Kept.from_json(item) for item in fields.items("keeps")),
            blockers=tuple(Blocker.from_json(item) for item in fields.items("blockers")),
            size_bytes=fields.integer("size_bytes"),
            purge_after=fields.optional_time("purge_after"),
        )


def _counts(items: Iterable[object]) -> Mapping[str, int]:
    tallies = [Fields(item, noun="count") for item in items]
    return {tally.text("kind"): tally.integer("count") for tally in tallies}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tombstone:
    """What is left of a deleted version. While its state is `deleted` it can be restored, until `purge_after`."""

    name: str
    version: int
    state: str
    deleted_by: str
    deleted_at: datetime | None
    purge_after: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Tombstone":
        """Read a tombstone of the API."""
        fields = Fields(value, noun="tombstone")
        return cls(
            name=fields.text("name"),
            version=fields.integer("version"),
            state=fields.text("state"),
            deleted_by=fields.text("deleted_by"),
            deleted_at=fields.optional_time("deleted_at"),
            purge_after=fields.optional_time("purge_after"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A retention hold: while it is active, the version cannot be deleted."""

    hold_id: str
    name: str
    version: int
    reason: str
    is_active: bool
    until: datetime | None
    put_by: str

    @classmethod
    def from_json(cls, value: object) -> "Hold":
        """Read a hold of the API."""
        fields = Fields(value, noun="hold")
        return cls(
            hold_id=fields.text("hold_id"),
            name=fields.text("name"),
            version=fields.integer("version"),
            reason=fields.text("reason"),
            is_active=fields.boolean("is_active"),
            until=fields.optional_time("until"),
            put_by=fields.text("put_by"),
        )


class Deletions:
    """`client.deletions`. Without a version, all is about the whole model."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def plan(self, name: str, version: int | None = None, *, mode: int | str = 0) -> DeletionPlan:
        """What a deletion would do now.

        Raises:
            NotFound: there is no such model or version.
        """
        query: dict[str, str | int] = {"delete_mode": mode, "dry_run": "true"}
        return DeletionPlan.from_json(self._transport.delete(_path(name, version), query=query))

    def delete(
        self,
        name: str,
        version: int | None = None,
        *,
        mode: int | str = 0,
        reason: str = "",
        revision: int | None = None,
    ) -> Submission:
        """Begin the deletion; wait with `client.jobs.wait`. Asked again while it is under way: the same job.

        Args:
            revision: that of the plan which was seen.

        Raises:
            NotFound: there is no such model or version.
            Conflict: something stops it; the message names all of it.
            PreconditionFailed: it was changed since.
        """
        query: dict[str, str | int] = {"delete_mode": mode, "reason": reason}
        return Submission.from_json(self._transport.delete(_path(name, version), query=query, revision=revision))

    def tombstones(self, name: str, *, limit: int | None = None) -> Iterator[Tombstone]:
        """The deleted versions of a model, the oldest version first, fetched page by page as they are asked for."""
        where = _path(name, None, "tombstones")
        pages = self._transport.pages(where, plural="tombstones", query={}, limit=limit)
        return (Tombstone.from_json(item) for item in pages)

    def restore(self, name: str, version: int, *, reason: str = "") -> None:
        """Take a deleted version back, before it is purged.

        Raises:
            NotFound: no such version was deleted.
            Conflict: it is too late, or its deletion has not ended yet.
        """
        self._transport.post(_path(name, version, "restore"), {"reason": reason})

    def holds(self, name: str, version: int | None = None, *, limit: int | None = None) -> Iterator[Hold]:
        """Holds that lie or lay on a model's versions, or on one, oldest first, fetched page by page as asked for."""
        where = _holds(name, "holds")
        pages = self._transport.pages(where, plural="holds", query={"version": version}, limit=limit)
        return (Hold.from_json(item) for item in pages)

    def put_hold(self, name: str, version: int, *, reason: str, until: datetime | None = None) -> Hold:
        """Keep a version from being deleted."""
        body = {"reason": reason, "until": None if until is None else until.isoformat()}
        return Hold.from_json(self._transport.post(_holds(name, "versions", str(version), "holds"), body))

    def lift_hold(self, name: str, hold_id: str, *, reason: str) -> Hold:
        """Take a hold off."""
        return Hold.from_json(self._transport.post(_holds(name, "holds", hold_id, "lift"), {"reason": reason}))


def _path(name: str, version: int | None, *more: str) -> str:
    which = () if version is None else ("versions", version)
    return path("api", "v1", "modelserving", "models", name, *which, *more)


def _holds(name: str, *more: str) -> str:
    return path("api", "v1", "ml", "registry", "models", name, *more)
