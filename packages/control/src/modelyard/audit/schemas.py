"""The audit log on the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from modelyard.audit.domain import Anchor, Entry, InProduction, Verdict


class EntryAnswer(BaseModel):
    """One change: who, when, why, before, after, and what binds it to the change before."""

    sequence: int = Field(description="counts from 1 in each tenant, without gaps", examples=[17])
    at: datetime
    actor: str = Field(examples=["alice"])
    action: str = Field(examples=["version.production"])
    subject: str = Field(examples=["models/churn/versions/3"])
    reason: str = Field(examples=["better on new customers"])
    before: dict[str, Any] | None = Field(examples=[{"stage": "staging"}])
    after: dict[str, Any] | None = Field(examples=[{"stage": "production"}])
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> "EntryAnswer":
        """The entry on the wire."""
        return cls(
            sequence=entry.sequence,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            reason=entry.reason,
            before=None if entry.before is None else dict(entry.before),
            after=None if entry.after is None else dict(entry.after),
            previous_hash=entry.previous_hash,
            hash=entry.hash,
        )


class ChangeAnswer(BaseModel):
    """What happened; the entry with this number says the rest."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str

    @classmethod
    def of(cls, entry: Entry) -> "ChangeAnswer":
        """The change on the wire."""
        return cls(sequence=entry.sequence, at=entry.at, actor=entry.actor, action=entry.action, subject=entry.subject)


class ChangesAnswer(BaseModel):
    """Changes in their order."""

    changes: list[ChangeAnswer]
    last: int = Field(description="the number to ask after the next time")


class EntriesAnswer(BaseModel):
    """A page of the log, newest first."""

    entries: list[EntryAnswer]
    next_cursor: str | None


class HeadAnswer(BaseModel):
    """The end of the log. Kept elsewhere, it proves later that nothing up to it was changed or cut off."""

    sequence: int
    hash: str | None
    anchor: str | None = Field(description="for `expect` of a verification", examples=[f"17:{'5f' * 32}"])

    @classmethod
    def of(cls, head: Anchor | None) -> "HeadAnswer":
        """The head on the wire; an empty log has the number 0."""
        if head is None:
            return cls(sequence=0, hash=None, anchor=None)
        return cls(sequence=head.sequence, hash=head.hash, anchor=str(head))


class VerdictAnswer(BaseModel):
    """Whether the chain holds; if not, the first entry that does not, and why."""

    is_valid: bool
    entries: int = Field(description="how many hold, from the first on")
    head: HeadAnswer
    broken_at: int | None
    reason: str | None

    @classmethod
    def of(cls, verdict: Verdict) -> "VerdictAnswer":
        """The verdict on the wire."""
        return cls(
            is_valid=verdict.is_valid,
            entries=verdict.entries,
            head=HeadAnswer.of(verdict.head),
            broken_at=verdict.broken_at,
            reason=verdict.reason,
        )


class ProductionAnswer(BaseModel):
    """What was in production at a moment; nothing, when `version` is null."""

    name: str
    at: datetime
    version: int | None
    since: datetime | None = Field(description="when it came")
    until: datetime | None = Field(description="when it left, if it has since")
    by: str | None = Field(description="who brought it")
    reason: str | None
    sequence: int | None = Field(description="the entry of the audit log")

    @classmethod
    def of(cls, name: str, at: datetime, stay: InProduction | None) -> "ProductionAnswer":
        """The stay on the wire."""
        entry = None if stay is None else stay.since
        return cls(
            name=name,
            at=at,
            version=None if stay is None else stay.version,
            since=None if entry is None else entry.at,
            until=None if stay is None else stay.until,
            by=None if entry is None else entry.actor,
            reason=None if entry is None else entry.reason,
            sequence=None if entry is None else entry.sequence,
        )


class StayAnswer(BaseModel):
    """A stay of a version in production."""

    version: int
    since: datetime = Field(description="when it came")
    until: datetime | None = Field(description="when it left, if it has")
    by: str = Field(description="who brought it")
    reason: str
    sequence: int = Field(description="the entry of the audit log")

    @classmethod
    def of(cls, stay: InProduction) -> "StayAnswer":
        """The stay on the wire."""
        entry = stay.since
        return cls(
            version=stay.version,
            since=entry.at,
            until=stay.until,
            by=entry.actor,
            reason=entry.reason,
            sequence=entry.sequence,
        )


class StaysAnswer(BaseModel):
    """Stays of one model's versions in production, the last one first."""

    name: str
    stays: list[StayAnswer]
    next_cursor: str | None


class LiveModelAnswer(StayAnswer):
    """A model's version in production."""

    name: str


class LiveModelsAnswer(BaseModel):
    """What was in production at a moment, by the models' names."""

    at: datetime
    models: list[LiveModelAnswer]
    next_cursor: str | None
