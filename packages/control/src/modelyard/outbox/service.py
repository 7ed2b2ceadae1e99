"""Puts messages into the outbox and delivers them in the background: in order of their making, again until it works."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, delete, insert, select, update

from modelyard.db import Database
from modelyard.errors import ModelyardError
from modelyard.outbox.tables import outbox
from modelyard.plain import plain_text
from modelyard.ports.clock import Clock

logger = structlog.get_logger()

Handler = Callable[[Mapping[str, Any]], None]
"""Delivers one payload. Idempotent: it may get the same one twice. Any exception means: again later."""

_BATCH = 50
_LONGEST_WAIT = timedelta(minutes=5)
_IDLE_SECONDS = 1.0
_KEPT = timedelta(days=7)
_FORGET_AT_ONCE = 1000
_FORGET_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Message:
    message_id: int
    topic: str
    payload: Mapping[str, Any]
    attempts: int


class Outbox:
    """The outbox and its delivery."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def deliver_with(self, topic: str, handler: Handler) -> None:
        """Name who delivers the messages of a topic; before `start`."""
        self._handlers[topic] = handler

    def put(self, connection: Connection, *, tenant_id: str, topic: str, payload: Mapping[str, Any]) -> None:
        """Write a message in the caller's transaction."""
        now = self._clock.now()
        connection.execute(
            insert(outbox).values(
                tenant_id=tenant_id,
                topic=topic,
                payload=dict(payload),
                created_at=now,
                attempts=0,
                next_attempt_at=now,
            )
        )

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

    def start(self) -> None:
        """Deliver in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the message at hand and end the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        forget_at = self._clock.now()
        while not self._stopped.is_set():
            delivered = 0
            try:
                delivered = self.deliver_due()
                if self._clock.now() >= forget_at and self.forget() < _FORGET_AT_ONCE:
                    forget_at = self._clock.now() + _FORGET_EVERY
            except ModelyardError as exc:
                logger.warning("the outbox waits", reason=exc.message)
            except Exception:
                logger.exception("the outbox broke off, and goes on")
            if delivered == 0:
                self._stopped.wait(_IDLE_SECONDS)

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
