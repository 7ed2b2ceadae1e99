"""One entry of the log, the hash that binds it to the one before, and the proof of a whole chain. Pure."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard.errors import Invalid

GENESIS = "0" * 64
"""What the first entry of a tenant's chain follows."""

_ANCHOR = re.compile(r"([1-9]\d{0,17}):([0-9a-f]{64})")
_MODEL = re.compile(r"models/([^/]+)(?:/versions/(\d{1,9}))?(?:/.*)?")
_WRITTEN_OUT = 1e16
_INTEGERS = range(-(2**63), 2**64)


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `sequence` counts from 1 in each tenant, without gaps; `at` never goes back from one to the next."""

    tenant_id: str
    sequence: int
    at: datetime
    actor: str
    action: str
    """The noun and what happened to it: `version.registered`, `deployment.stopped`."""
    subject: str
    """What it happened to: `models/breast-cancer/versions/3`."""
    reason: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    previous_hash: str
    hash: str

    @property
    def fields(self) -> dict[str, Any]:
        """What the hash is over, as JSON: the time in UTC with six digits of a second."""
        return {
            "tenant_id": self.tenant_id,
            "sequence": self.sequence,
            "at": self.at.isoformat(timespec="microseconds"),
            "actor": self.actor,
            "action": self.action,
            "subject": self.subject,
            "reason": self.reason,
            "before": self.before,
            "after": self.after,
            "previous_hash": self.previous_hash,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which entries are meant; without any, all."""

    model: str | None = None
    version: int | None = None
    subject: str | None = None
    actor: str | None = None
    action: str | None = None
    """Exactly, or every one that begins so with `.*` at its end: `version.*`."""
    since: datetime | None = None
    until: datetime | None = None
    """Not this moment itself."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """An entry that somebody keeps outside: it proves later that nothing up to it was changed or cut off."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "Anchor":
        """The anchor that `str` wrote.

        Raises:
            Invalid: code `anchor_invalid`.
        """
        found = _ANCHOR.fullmatch(text)
        if found is None:
            raise Invalid(
                f"expect: expected an entry's number, a colon and its hash of 64 hexadecimal digits, got {text[:80]!r}",
                code="anchor_invalid",
                field="expect",
            )
        return cls(int(found.group(1)), found.group(2))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of proving a chain."""

    entries: int
    """How many entries hold, from the first on."""
    head: Anchor | None
    """The last of them."""
    broken_at: int | None = None
    """The number of the first entry that does not hold."""
    reason: str | None = None

    @property
    def is_valid(self) -> bool:
        """Whether all hold, and the expected anchor is among them."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class InProduction:
    """A stay of a version in production."""

    version: int
    since: Entry
    until: datetime | None
    """When it left, if it has since."""


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces, and letters as they are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def entry_hash(fields: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the canonical JSON of an entry's fields, the previous entry's hash included."""
    return hashlib.sha256(canonical_json(fields).encode()).hexdigest()


def durable(value: Any) -> Any:
    """The JSON value in the one form that every database gives back as it was.

    PostgreSQL writes large floats out, without a fraction, and knows no negative zero; readers of JSON make a whole
    number of 64 bits an integer, and a larger one a float. So whole numbers get that form before they are hashed.
    """
    if isinstance(value, float) and value.is_integer() and (abs(value) >= _WRITTEN_OUT or value == 0):
        whole = int(value)
        return whole if whole in _INTEGERS else value
    if isinstance(value, int) and not isinstance(value, bool) and value not in _INTEGERS:
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): durable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [durable(item) for item in value]
    return value


def about(subject: str, after: Mapping[str, Any] | None) -> tuple[str | None, int | None]:
    """The model and the version that an entry is about: by its subject, else by what it says that is there after."""
    details = after or {}
    for text in (subject, details.get("model")):
        found = _MODEL.fullmatch(text) if isinstance(text, str) else None
        if found is not None:
            number = found.group(2) or details.get("version")
            return found.group(1), None if number is None else int(number)
    name, number = details.get("model_name"), details.get("model_version")
    return (name if isinstance(name, str) else None), (number if isinstance(number, int) else None)


def prove(entries: Iterable[Entry], *, expected: Anchor | None = None) -> Verdict:
    """Go through a whole chain from its first entry on; the first entry that does not hold ends it."""
    head = Anchor(0, GENESIS)
    for entry in entries:
        reason = _fault(entry, head, expected)
        if reason is not None:
            return _verdict(head, broken_at=entry.sequence, reason=reason)
        head = Anchor(entry.sequence, entry.hash)
    if expected is not None and expected.sequence > head.sequence:
        reason = (
            f"the log ends at entry {head.sequence}, and the anchor is entry {expected.sequence}: its end was cut off"
        )
        return _verdict(head, broken_at=head.sequence + 1, reason=reason)
    return _verdict(head)


def _fault(entry: Entry, head: Anchor, expected: Anchor | None) -> str | None:
    if entry.sequence != head.sequence + 1:
        return f"entry {entry.sequence} follows entry {head.sequence}: what stood between them is gone"
    if entry.previous_hash != head.hash:
        return f"entry {entry.sequence} follows another entry than the one before it"
    if entry.hash != entry_hash(entry.fields):
        return f"entry {entry.sequence} is not what it was when it was written"
    if expected is not None and entry.sequence == expected.sequence and entry.hash != expected.hash:
        return f"entry {entry.sequence} is not the anchor: the log was written anew"
    return None


def _verdict(head: Anchor, *, broken_at: int | None = None, reason: str | None = None) -> Verdict:
    return Verdict(head.sequence, head if head.sequence else None, broken_at, reason)
