"""Delivers the messages of the outbox, in the order of their making, again until it works."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select, update

from modelyard.db import Database
from modelyard.outbox.tables import outbox
from modelyard.plain import plain_text
from modelyard.ports.clock import Clock

logger = structlog.get_logger()

Handler = Callable[[Mapping[str, Any]], None]
"""Delivers one payload. Idempotent: it may get the same one twice. Any exception means: again later."""

_BATCH = 50
_LONGEST_WAIT = timedelta(minutes=5)
PAUSE_SECONDS = 1.0
"""Between two passes that found nothing."""
_KEPT = timedelta(days=7)
_FORGET_AT_ONCE = 1000
_FORGET_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Message:
    message_id: int
    topic: str
    payload: Mapping[str, Any]
    attempts: int


class OutboxDelivery:
    """Delivers the messages of each topic with its handler."""

    def __init__(self, *, database: Database, clock: Clock, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._clock = clock
        self._handlers = handlers
        self._forget_at: datetime | None = None

    def deliver_due(self) -> int:
        """Try every message that is due, once. Returns how many were delivered."""
        now = self._clock.now()
        with self._database.read() as connection:
            rows = connection.execute(
                select(outbox.c.id, outbox.c.topic, outbox.c.payload, outbox.c.attempts)
                .where(outbox.c.next_attempt_at <= now)
                .order_by(outbox.c.id)
                .limit(_BATCH)
            ).all()
        return sum(self._deliver(_Message(*row)) for row in rows)

    def forget(self) -> int:
        """Delete some of what was delivered a week ago; says how many."""
        delivered = outbox.c.delivered_at < self._clock.now() - _KEPT
        oldest = select(outbox.c.id).where(delivered).order_by(outbox.c.id).limit(_FORGET_AT_ONCE)
        with self._database.write() as connection:
            return connection.execute(delete(outbox).where(outbox.c.id.in_(oldest))).rowcount

    def make_pass(self) -> bool:
        """One pass in the background; whether something was delivered, so that more may be due."""
        delivered = self.deliver_due()
        if self._forget_at is None or self._clock.now() >= self._forget_at:
            is_done = self.forget() < _FORGET_AT_ONCE
            self._forget_at = self._clock.now() + _FORGET_EVERY if is_done else None
        return delivered > 0

    def _deliver(self, message: _Message) -> bool:
        error: Exception | None = None
        try:
            self._handlers[message.topic](message.payload)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the message is kept and tried again
            error = exc
        now = self._clock.now()
        wait = min(_LONGEST_WAIT, timedelta(seconds=2 ** min(message.attempts, 10)))
        outcome: dict[str, Any] = (
            {"delivered_at": now, "next_attempt_at": None, "last_error": None}
            if error is None
            else {"next_attempt_at": now + wait, "last_error": plain_text(f"{type(error).__name__}: {error}"[:2000])}
        )
        with self._database.write() as connection:
            change = update(outbox).where(outbox.c.id == message.message_id)
            connection.execute(change.values(attempts=message.attempts + 1, **outcome))
        if error is not None:
            logger.warning("a message was not delivered", topic=message.topic, reason=str(error)[:200])
        return error is None
