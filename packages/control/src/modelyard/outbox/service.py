"""Puts messages into the outbox, in the transaction of what they tell of."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from modelyard.outbox.tables import outbox
from modelyard.ports.clock import Clock


class Outbox:
    """What the nouns write to; its messages are delivered by `OutboxDelivery`."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

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
