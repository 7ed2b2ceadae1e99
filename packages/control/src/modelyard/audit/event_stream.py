"""A tenant's log as server-sent events: what happened just now, and no more of it than its sentence."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing

from modelyard.audit.feed import Feed
from modelyard.audit.schemas import ChangeAnswer
from modelyard.errors import Unavailable
from modelyard.http.follow import KEEP_ALIVE, KEEP_ALIVE_SECONDS, event_bytes

LASTS_SECONDS = 300.0
"""After this the reader comes again, and is asked again who it is."""
_RETRY = b"retry: 2000\n\n"


async def event_stream(
    feed: Feed, tenant_id: str, after: int | None, *, lasts_seconds: float = LASTS_SECONDS
) -> AsyncIterator[bytes]:
    """`head` with the number of the last entry, then `change` for each entry after it, or after the one that is named.

    A number after the head is one of another log, before a backup was restored, for example: the head counts.
    """
    ends_at = time.monotonic() + lasts_seconds
    head = await feed.head(tenant_id)
    seen = head if after is None else min(after, head)
    yield _RETRY + event_bytes("head", b"{}", seen)
    sent_at = time.monotonic()
    try:
        async with aclosing(feed.follow(tenant_id, seen)) as looks:
            async for entries in looks:
                now = time.monotonic()
                if entries:
                    yield b"".join(
                        event_bytes("change", ChangeAnswer.of(entry).model_dump_json().encode(), entry.sequence)
                        for entry in entries
                    )
                    sent_at = now
                elif now - sent_at >= KEEP_ALIVE_SECONDS:
                    yield KEEP_ALIVE
                    sent_at = now
                if now >= ends_at:
                    return
    except Unavailable:
        return  # The reader comes again, from where it was.
