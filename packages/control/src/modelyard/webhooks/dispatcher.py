"""Delivers in the background. Many receivers at once, so that a slow or dead one holds up nobody but itself."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from typing import TypeVar

import structlog

from modelyard.errors import ModelyardError
from modelyard.leases.domain import Lease, LeaseLostError
from modelyard.leases.leadership import Leadership
from modelyard.leases.service import Leases
from modelyard.ports.clock import Clock
from modelyard.ports.receiver import Receivers, Reply
from modelyard.webhooks.domain import Outcome, outcome_of
from modelyard.webhooks.events import CONTENT_TYPE, encoded, event_of
from modelyard.webhooks.queue import DeliveryQueue, Dispatch
from modelyard.webhooks.signing import Signer

logger = structlog.get_logger()
T = TypeVar("T")

_AT_ONCE_EACH = 32
_AT_ONCE_ALL = 512
_IDLE_SECONDS = 0.5
_GATHER_SECONDS = 0.02
"""How long the first outcome waits for others, so that they share a transaction."""
_FORGET_EVERY = timedelta(hours=1)
_STOP_SECONDS = 15
_ANOTHER_KEY = (
    "not sent: this control plane's key is not the one with which the secret was made; rotate the secret, or give the "
    "key back in MODELYARD_WEBHOOK_KEY"
)


class WebhookDispatcher:
    """Claims what is due, posts it, and writes down what became of it.

    A webhook has at most `_AT_ONCE_EACH` posts under way, and one while its receiver fails.
    """

    def __init__(
        self,
        *,
        queue: DeliveryQueue,
        receivers: Receivers,
        signer: Signer,
        clock: Clock,
        leases: Leases,
        most_attempts: int,
    ) -> None:
        self._queue = queue
        self._receivers = receivers
        self._signer = signer
        self._clock = clock
        self._most_attempts = most_attempts
        self._leases = leases
        self._leadership = Leadership(leases, "webhooks")
        self._under_way: Counter[str] = Counter()
        self._failing: set[str] = set()
        self._settled: list[tuple[Dispatch, Outcome]] = []
        self._forget_at = clock.now()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._rows = ThreadPoolExecutor(2, thread_name_prefix="dispatcher-rows")

    def start(self) -> None:
        """Deliver in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="webhook-dispatcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin no more posts, let those that are under way end, and end the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=_STOP_SECONDS)

    async def deliver_due(self) -> int:
        """Take what is due, post it, and write down what became of it. Returns how many posts were made."""
        lease = await self._in_thread(self._leadership.lease)
        if lease is None:
            return 0
        with self._leases.guarding(lease):
            dispatches = await self._take(lease)
            await asyncio.gather(*(self._deliver(dispatch) for dispatch in self._counted(dispatches)))
            await self._write_down()
        return len(dispatches)

    async def _run(self) -> None:
        posts: set[asyncio.Task[None]] = set()
        while not self._stopped.is_set():
            try:
                dispatches = await self._settle_and_take()
            except LeaseLostError as exc:
                logger.info("webhooks go out from another process now", reason=str(exc))
                dispatches = []
            except ModelyardError as exc:
                logger.warning("webhooks wait", reason=exc.message)
                dispatches = []
            except Exception:
                logger.exception("the dispatcher broke off, and goes on")
                dispatches = []
            posts |= {asyncio.create_task(self._deliver(dispatch)) for dispatch in self._counted(dispatches)}
            posts = await self._pause(posts, is_idle=not dispatches)
        if posts:
            await asyncio.wait(posts)
        try:
            await self._settle_all()
        except (LeaseLostError, ModelyardError) as exc:
            logger.warning("webhooks go out again", reason=str(exc))
        await self._receivers.close()
        self._rows.shutdown(wait=False)

    async def _settle_and_take(self) -> list[Dispatch]:
        """Write down what became of attempts, and claim what is due; nothing while another process dispatches."""
        lease = await self._in_thread(self._leadership.lease)
        if lease is None:
            return []
        with self._leases.guarding(lease):
            await self._write_down()
            if self._clock.now() >= self._forget_at and not await self._in_thread(self._queue.forget):
                self._forget_at = self._clock.now() + _FORGET_EVERY
            return await self._take(lease)

    async def _settle_all(self) -> None:
        lease = await self._in_thread(self._leadership.lease)
        if lease is not None:
            with self._leases.guarding(lease):
                await self._write_down()

    async def _take(self, lease: Lease) -> list[Dispatch]:
        return await self._in_thread(lambda: self._queue.take(self._room, claim=str(lease.fence)))

    async def _pause(self, posts: set[asyncio.Task[None]], *, is_idle: bool) -> set[asyncio.Task[None]]:
        """Wait for the first post to end, at most for a moment; without any under way, for that moment."""
        if posts:
            done, posts = await asyncio.wait(posts, timeout=_IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if done and posts:
                _, posts = await asyncio.wait(posts, timeout=_GATHER_SECONDS)
        elif is_idle:
            await asyncio.sleep(_IDLE_SECONDS)
        return posts

    def _room(self, webhook_id: str) -> int:
        """How many more posts to this webhook may begin."""
        most = 1 if webhook_id in self._failing else _AT_ONCE_EACH
        return min(most - self._under_way[webhook_id], _AT_ONCE_ALL - self._under_way.total())

    def _counted(self, dispatches: list[Dispatch]) -> list[Dispatch]:
        self._under_way.update(dispatch.webhook.webhook_id for dispatch in dispatches)
        return dispatches

    async def _deliver(self, dispatch: Dispatch) -> None:
        webhook_id = dispatch.webhook.webhook_id
        reply = await self._post(dispatch)
        outcome = outcome_of(
            reply,
            attempts=dispatch.delivery.attempts,
            most_attempts=self._most_attempts,
            now=self._clock.now(),
            jitter=random.random(),  # noqa: S311 - spreads attempts, guards nothing
        )
        if reply.is_success:
            self._failing.discard(webhook_id)
        else:
            self._failing.add(webhook_id)
        self._under_way[webhook_id] -= 1
        self._settled.append((dispatch, outcome))

    async def _post(self, dispatch: Dispatch) -> Reply:
        webhook, now = dispatch.webhook, self._clock.now()
        if self._signer.digest(webhook.webhook_id, webhook.generation) != webhook.secret_digest:
            return Reply(code=None, milliseconds=0, error=_ANOTHER_KEY)
        event = event_of(dispatch.delivery, dispatch.entry)
        body = encoded(event)
        signature = self._signer.headers(
            webhook.webhook_id, webhook.generations(now), event_id=event["id"], at=now, body=body
        )
        try:
            return await self._receivers.post(
                webhook.url, headers={"Content-Type": CONTENT_TYPE, **signature}, body=body
            )
        except Exception:
            logger.exception("a webhook could not be posted", webhook_id=webhook.webhook_id)
            return Reply(code=None, milliseconds=0, error="not sent: an internal error")

    async def _write_down(self) -> None:
        """Outcomes that cannot be written are lost, and their deliveries go out again: at least once."""
        if self._settled:
            settled, self._settled = self._settled, []
            await self._in_thread(lambda: self._queue.settle(settled))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._rows, copy_context().run, work)
