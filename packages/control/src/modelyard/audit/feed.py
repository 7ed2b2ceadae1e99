"""Follows a tenant's log as it grows. However many follow it in this process, the database is asked once for all."""

import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import anyio
from anyio import to_thread

from modelyard.audit.domain import Entry
from modelyard.audit.service import AuditLog

PAUSE_SECONDS = 0.5
"""How long an entry may stand before its followers hear of it."""
_MOST = 200


@dataclass(slots=True)
class _Tail:
    """The last entries of one tenant's log, shared by all who follow it."""

    head: int
    looked_at: float
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=_MOST))
    followers: int = 0


class Feed:
    """The logs of all tenants that somebody follows, on one event loop."""

    def __init__(self, audit: AuditLog, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._audit = audit
        self._pause_seconds = pause_seconds
        self._tails: dict[str, _Tail] = {}

    @property
    def followers(self) -> int:
        """How many follow a log now."""
        return sum(tail.followers for tail in self._tails.values())

    async def head(self, tenant_id: str) -> int:
        """The number of the last entry now; 0 for an empty log."""
        head = await to_thread.run_sync(self._audit.head, tenant_id)
        return 0 if head is None else head.sequence

    async def since(self, tenant_id: str, after: int) -> list[Entry]:
        """The first entries after a number that are there now."""
        return await to_thread.run_sync(self._read, tenant_id, after)

    async def follow(self, tenant_id: str, after: int) -> AsyncGenerator[list[Entry], None]:
        """Entries after a number as they are appended, in their order. An empty list is a look that found none."""
        tail = await self._joined(tenant_id)
        tail.followers += 1
        try:
            while True:
                await self._look(tenant_id, tail)
                found = await self._after(tenant_id, tail, after)
                after = found[-1].sequence if found else after
                yield found
                if after >= tail.head:
                    await anyio.sleep(self._pause_seconds)
        finally:
            tail.followers -= 1
            if tail.followers == 0 and self._tails.get(tenant_id) is tail:
                del self._tails[tenant_id]

    async def _joined(self, tenant_id: str) -> _Tail:
        if tenant_id not in self._tails:
            head = await self.head(tenant_id)
            return self._tails.setdefault(tenant_id, _Tail(head, time.monotonic()))
        return self._tails[tenant_id]

    async def _look(self, tenant_id: str, tail: _Tail) -> None:
        """Ask for entries that are new, unless somebody has a moment ago."""
        now = time.monotonic()
        if now - tail.looked_at < self._pause_seconds:
            return
        tail.looked_at = now  # Before the question, so that nobody else asks it meanwhile.
        new = await to_thread.run_sync(self._read, tenant_id, tail.head)
        if new and new[0].sequence == tail.head + 1:
            tail.entries.extend(new)
            tail.head = new[-1].sequence

    async def _after(self, tenant_id: str, tail: _Tail, after: int) -> list[Entry]:
        if after >= tail.head:
            return []
        if tail.entries and tail.entries[0].sequence <= after + 1:
            return [entry for entry in tail.entries if entry.sequence > after]
        return await self.since(tenant_id, after)

    def _read(self, tenant_id: str, after: int) -> list[Entry]:
        return self._audit.following(tenant_id, after=after, limit=_MOST)
