"""Webhooks and deliveries, which events a webhook hears, and what follows from an attempt. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from modelyard.errors import Invalid
from modelyard.ports.receiver import Reply
from modelyard.webhooks.states import DeliveryStatus, WebhookStatus

EVERYTHING = "*"
MAX_URL = 2000
_PATTERN = re.compile(r"\*|[a-z][a-z_]{0,29}\.(?:\*|[a-z][a-z_]{0,29})")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(hours=8)
_LONGEST_REQUESTED = timedelta(days=1)
_GROWTH = 3
_GONE = 410
_ERROR_LENGTH = 500


class DeliveryKind(StrEnum):
    """Why there is a delivery."""

    EVENT = "event"
    REPLAY = "replay"
    TEST = "test"


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """Whom a tenant lets hear of its events. `revision` grows with every change of what people set."""

    webhook_id: str
    tenant_id: str
    url: str
    description: str
    event_types: tuple[str, ...]
    status: WebhookStatus
    reason: str | None
    """Why it is disabled."""
    generation: int
    """Which secret it has: the first, the second, ..."""
    secret_digest: str
    """A hash of that secret, by which a control plane with another key is found out."""
    previous_until: datetime | None
    """How long deliveries are signed with the secret before as well."""
    created_at: datetime
    created_by: str
    updated_at: datetime
    revision: int

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"webhooks/{self.webhook_id}"

    def hears(self, action: str) -> bool:
        """Whether events of this action are for it."""
        noun = action.partition(".")[0]
        return any(pattern in {EVERYTHING, action, f"{noun}.*"} for pattern in self.event_types)

    def generations(self, now: datetime) -> tuple[int, ...]:
        """The secrets that sign now, the newest first."""
        is_overlap = self.previous_until is not None and now < self.previous_until
        return (self.generation, self.generation - 1) if is_overlap else (self.generation,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One event on its way to one webhook."""

    delivery_id: str
    tenant_id: str
    webhook_id: str
    kind: DeliveryKind
    sequence: int | None
    """The entry of the audit log that is the event; None for a test."""
    event_type: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    response_code: int | None
    latency_ms: int | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What is written down of an attempt."""

    status: DeliveryStatus
    next_attempt_at: datetime | None
    response_code: int | None
    latency_ms: int
    error: str | None
    is_gone: bool = False
    """The receiver wants nothing any more."""


def outcome_of(reply: Reply, *, attempts: int, most_attempts: int, now: datetime, jitter: float) -> Outcome:
    """What follows from a reply.

    Args:
        attempts: this one included.
        jitter: 0 to 1, drawn by the caller, so that many that failed together do not come back together.
    """
    if reply.is_success:
        return Outcome(
            status=DeliveryStatus.DELIVERED,
            next_attempt_at=None,
            response_code=reply.code,
            latency_ms=reply.milliseconds,
            error=None,
        )
    is_gone = reply.code == _GONE
    is_dead = is_gone or attempts >= most_attempts
    return Outcome(
        status=DeliveryStatus.DEAD if is_dead else DeliveryStatus.PENDING,
        next_attempt_at=None if is_dead else now + wait_after(attempts, reply.retry_after, jitter=jitter),
        response_code=reply.code,
        latency_ms=reply.milliseconds,
        error=(reply.error or f"expected an answer of 200 to 299, got {reply.code}")[:_ERROR_LENGTH],
        is_gone=is_gone,
    )


def wait_after(attempts: int, retry_after: timedelta | None, *, jitter: float) -> timedelta:
    """How long to wait: 5 s, 15 s, 45 s, … up to 8 h, each between half and whole; longer when the receiver asks."""
    whole: timedelta = min(_FIRST_WAIT * _GROWTH ** min(attempts - 1, 20), _LONGEST_WAIT)
    wait = whole * (0.5 + jitter / 2)
    return wait if retry_after is None else max(wait, min(retry_after, _LONGEST_REQUESTED))


def validate_url(url: str) -> None:
    """The form of an address to which we post. Where it leads is checked when a connection is made.

    Raises:
        Invalid: code `webhook_url_invalid`.
    """
    if not (len(url) <= MAX_URL and _PRINTABLE.fullmatch(url) and _is_whole(url)):
        raise Invalid(
            "url: expected an address with https or http, a host, and neither user nor fragment, of at most "
            f"{MAX_URL} characters, got {url[:80]!r}",
            code="webhook_url_invalid",
            field="url",
        )


def validate_event_types(patterns: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The patterns, each once, sorted.

    Raises:
        Invalid: code `event_type_unknown`.
    """
    actions = set(known)
    nouns = {action.partition(".")[0] for action in actions}
    for pattern in patterns:
        is_known = pattern == EVERYTHING or pattern in actions or pattern.removesuffix(".*") in nouns
        if not (is_known and _PATTERN.fullmatch(pattern)):
            raise Invalid(
                f"event_types: expected types of the catalogue, a noun with '.*', or '*', got {pattern[:80]!r}",
                code="event_type_unknown",
                field="event_types",
            )
    return tuple(sorted(set(patterns)))


def origin_of(url: str) -> str:
    """The part of an address that may be shown: its path and query may hold a secret of the receiver's."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    return parts.scheme in {"https", "http"} and port != 0 and bool(_HOST.fullmatch(host)) and not parts.fragment
