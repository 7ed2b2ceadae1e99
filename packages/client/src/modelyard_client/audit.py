"""The audit log: reading, exporting and proving it, and what was in production when."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard_client.errors import Busy, Invalid, Unavailable, UnexpectedAnswer
from modelyard_client.events import Event, events
from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_COLLECTION = "/api/v1/audit"
_EVENTS = "/api/v1/events"
_REGISTRY = ("api", "v1", "ml", "registry")
_MODELS = (*_REGISTRY, "models")
_PAUSE = 1.0
_GENESIS = "0" * 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One change: who, when, why, before, after, and what binds it to the change before."""

    sequence: int
    at: datetime | None
    actor: str
    action: str
    subject: str
    reason: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    hash: str

    @classmethod
    def from_json(cls, value: object) -> "Entry":
        """Read an entry of the API."""
        fields = Fields(value, noun="entry")
        return cls(
            sequence=fields.integer("sequence"),
            at=fields.optional_time("at"),
            actor=fields.text("actor"),
            action=fields.text("action"),
            subject=fields.text("subject"),
            reason=fields.text("reason"),
            before=fields.optional_mapping("before"),
            after=fields.optional_mapping("after"),
            hash=fields.text("hash"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What happened just now: the entry with this number says the rest."""

    sequence: int
    at: datetime | None
    actor: str
    action: str
    subject: str

    @classmethod
    def from_json(cls, value: object) -> "Change":
        """Read an event of the API."""
        fields = Fields(value, noun="change")
        return cls(
            sequence=fields.integer("sequence"),
            at=fields.optional_time("at"),
            actor=fields.text("actor"),
            action=fields.text("action"),
            subject=fields.text("subject"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether a chain holds. `anchor` is its last hash, to be stored elsewhere and passed as `expect` later."""

    is_valid: bool
    entries: int
    anchor: str | None
    broken_at: int | None
    reason: str | None

    @classmethod
    def from_json(cls, value: object) -> "Verdict":
        """Read a verdict of the API."""
        fields = Fields(value, noun="verdict")
        return cls(
            is_valid=fields.value("is_valid") is True,
            entries=fields.integer("entries"),
            anchor=Fields(fields.value("head"), noun="head").optional_text("anchor"),
            broken_at=fields.optional_integer("broken_at"),
            reason=fields.optional_text("reason"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Production:
    """What was in production at a moment; nothing, when `version` is None."""

    name: str
    at: datetime | None
    version: int | None
    since: datetime | None
    until: datetime | None
    by: str | None
    reason: str | None

    @classmethod
    def from_json(cls, value: object) -> "Production":
        """Read an answer of the API."""
        fields = Fields(value, noun="production")
        return cls(
            name=fields.text("name"),
            at=fields.optional_time("at"),
            version=fields.optional_integer("version"),
            since=fields.optional_time("since"),
            until=fields.optional_time("until"),
            by=fields.optional_text("by"),
            reason=fields.optional_text("reason"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """A stay of a model's version in production; `until` is None while it lasts."""

    name: str
    version: int
    since: datetime | None
    until: datetime | None
    by: str
    reason: str

    @classmethod
    def from_json(cls, value: object, *, name: str | None = None) -> "Stay":
        """Read a stay of the API, of the model of this name where the answer does not say."""
        fields = Fields(value, noun="stay")
        return cls(
            name=fields.text("name") if name is None else name,
            version=fields.integer("version"),
            since=fields.optional_time("since"),
            until=fields.optional_time("until"),
            by=fields.text("by"),
            reason=fields.text("reason"),
        )


class Audit:
    """`client.audit`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None, **which: str | int | None) -> Iterator[Entry]:
        """Entries, newest first, fetched page by page as they are asked for.

        Args:
            which: `model`, `version`, `subject`, `actor`, `action` (`version.*` for all of a noun), `since` and `until`
                (ISO 8601 with a zone).
        """
        pages = self._transport.pages(_COLLECTION, plural="entries", query=_query(which), limit=limit)
        return (Entry.from_json(item) for item in pages)

    def export(self, form: str = "jsonl", **which: str | int | None) -> Iterator[bytes]:
        """The log as a file, oldest first, in blocks as they come: `jsonl` to be verified, `csv` for spreadsheets."""
        query = {**_query(which), "format": form}
        with self._transport.stream(f"{_COLLECTION}/export", query=query, headers={"Accept": "*/*"}) as blocks:
            yield from blocks

    def follow(self, *, after: int | None = None, patience: float = 60.0) -> Iterator[Change]:
        """Changes as they happen, without an end; a connection that breaks is opened again after the last one.

        Args:
            after: the number of an entry to begin after; else what happens from now on.
            patience: seconds without an answer of the server after which to give up.

        Raises:
            Unavailable: the server has been away for longer than `patience`.
            Forbidden, …: as any read.
        """
        unreachable_since = self._transport.clock.now()
        while True:
            is_open = False
            place = {} if after is None else {"Last-Event-ID": str(after)}
            try:
                with self._transport.stream(_EVENTS, headers={"Accept": "text/event-stream", **place}) as chunks:
                    is_open = True
                    for event in events(chunks):
                        after = _sequence(event)
                        if event.name == "change":
                            yield Change.from_json(json.loads(event.data))
            except (Unavailable, Busy):
                if not is_open and self._transport.clock.now() - unreachable_since > patience:
                    raise
            if is_open:
                unreachable_since = self._transport.clock.now()
            self._transport.clock.sleep(_PAUSE)

    def verify(self, *, expect: str | None = None) -> Verdict:
        """Let the control plane prove its chain."""
        return Verdict.from_json(self._transport.get(f"{_COLLECTION}/verify", query={"expect": expect}))

    def production(self, name: str, *, at: str | None = None) -> Production:
        """What was in production at a moment (ISO 8601 with a zone), now without one.

        Raises:
            NotFound: the log has never heard of the model.
        """
        return Production.from_json(self._transport.get(path(*_MODELS, name, "production"), query={"at": at}))

    def production_history(self, name: str, *, limit: int | None = None) -> Iterator[Stay]:
        """Every stay of a model's versions in production, the last one first, fetched as they are asked for.

        Raises:
            NotFound: the log has never heard of the model.
        """
        where = path(*_MODELS, name, "production", "history")
        stays = self._transport.pages(where, plural="stays", query={}, limit=limit)
        return (Stay.from_json(item, name=name) for item in stays)

    def all_production(self, *, at: str | None = None, limit: int | None = None) -> Iterator[Stay]:
        """What was in production at a moment (ISO 8601 with a zone), now without one, of all models, by their names."""
        live = self._transport.pages(path(*_REGISTRY, "production"), plural="models", query={"at": at}, limit=limit)
        return (Stay.from_json(item) for item in live)


def verify_lines(lines: Iterable[str], *, expect: str | None = None) -> Verdict:
    """Prove an export in JSON Lines, without any control plane and in constant memory.

    Raises:
        Invalid: `expect` is not an entry's number, a colon and its hash.
    """
    anchored, anchor = _anchor(expect)
    sequence, previous = 0, _GENESIS
    for number, line in enumerate(lines, start=1):
        reason = None
        try:
            fields: dict[str, Any] = json.loads(line)
            stored = fields.pop("hash")
            position = fields["sequence"], fields["previous_hash"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return _verdict(sequence, previous, number, f"line {number} is not an entry of the audit log")
        if position[0] != sequence + 1:
            reason = f"entry {position[0]} follows entry {sequence}: what stood between them is gone"
        elif position[1] != previous:
            reason = f"entry {position[0]} follows another entry than the one before it"
        elif stored != _hash(fields):
            reason = f"entry {position[0]} is not what it was when it was written"
        elif position[0] == anchored and stored != anchor:
            reason = f"entry {position[0]} is not the anchor: the log was written anew"
        if reason is not None:
            return _verdict(sequence, previous, number, reason)
        sequence, previous = sequence + 1, stored
    if anchored > sequence:
        reason = f"the log ends at entry {sequence}, and the anchor is entry {anchored}: its end was cut off"
        return _verdict(sequence, previous, sequence + 1, reason)
    return _verdict(sequence, previous, None, None)


def _sequence(event: Event) -> int:
    with suppress(ValueError):
        return int(event.last_id)
    raise UnexpectedAnswer(f"expected an entry's number as the event's id, got {event.last_id!r}", code="event_invalid")


def _hash(fields: Mapping[str, Any]) -> str:
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _anchor(expect: str | None) -> tuple[int, str]:
    number, colon, digest = (expect or "0:").partition(":")
    if not (colon and number.isascii() and number.isdigit() and (expect is None or len(digest) == len(_GENESIS))):
        raise Invalid(
            f"expect: expected an entry's number, a colon and its hash, got {str(expect)[:80]!r}", code="anchor_invalid"
        )
    return int(number), digest


def _verdict(sequence: int, last: str, broken_at: int | None, reason: str | None) -> Verdict:
    return Verdict(
        is_valid=reason is None,
        entries=sequence,
        anchor=f"{sequence}:{last}" if sequence else None,
        broken_at=broken_at,
        reason=reason,
    )


def _query(which: Mapping[str, str | int | None]) -> dict[str, str | int | None]:
    names = {"since": "from", "until": "to"}
    return {names.get(name, name): value for name, value in which.items()}
