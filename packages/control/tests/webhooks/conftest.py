"""The parts of webhooks, built as `main` builds them, over both databases and receivers in memory."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.receiver.fake import FakeReceivers
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.leases.service import Leases
from modelyard.principals import Principal, Role
from modelyard.webhooks.deliveries import Deliveries
from modelyard.webhooks.dispatcher import WebhookDispatcher
from modelyard.webhooks.listener import WebhookListener
from modelyard.webhooks.queue import DeliveryQueue
from modelyard.webhooks.service import Webhooks
from modelyard.webhooks.signing import Signer

KEPT = timedelta(days=30)


@pytest.fixture
def admin() -> Principal:
    return Principal(tenant_id="default", subject="admin", role=Role.ADMIN)


@pytest.fixture
def signer() -> Signer:
    return Signer("a key of a control plane, kept outside")


@pytest.fixture
def receivers() -> FakeReceivers:
    return FakeReceivers()


@pytest.fixture
def audit(database: Database, clock: ManualClock) -> AuditLog:
    return AuditLog(database=database, clock=clock, listeners=[WebhookListener(clock).on_entry])


@pytest.fixture
def webhooks(
    database: Database, clock: ManualClock, audit: AuditLog, signer: Signer, receivers: FakeReceivers
) -> Webhooks:
    return Webhooks(database=database, clock=clock, audit=audit, signer=signer, receivers=receivers)


@pytest.fixture
def deliveries(database: Database, clock: ManualClock, audit: AuditLog, webhooks: Webhooks) -> Deliveries:
    return Deliveries(database=database, clock=clock, audit=audit, webhooks=webhooks)


@pytest.fixture
def queue(database: Database, clock: ManualClock, audit: AuditLog, webhooks: Webhooks) -> DeliveryQueue:
    return DeliveryQueue(database=database, clock=clock, audit=audit, webhooks=webhooks, kept=KEPT)


@pytest.fixture
def dispatcher(
    queue: DeliveryQueue, receivers: FakeReceivers, signer: Signer, clock: ManualClock, leases: Leases
) -> WebhookDispatcher:
    return WebhookDispatcher(
        queue=queue, receivers=receivers, signer=signer, clock=clock, leases=leases, most_attempts=3
    )


@pytest.fixture
def deliver(dispatcher: WebhookDispatcher) -> Callable[[], int]:
    """One round of the dispatcher; says how many posts it made."""
    return lambda: asyncio.run(dispatcher.deliver_due())


@pytest.fixture
def happen(database: Database, audit: AuditLog, admin: Principal) -> Callable[..., None]:
    """Something changes."""

    def record(action: str = "version.production", number: int = 1) -> None:
        with database.write() as connection:
            audit.record(
                connection,
                principal=admin,
                action=action,
                subject=f"models/iris/versions/{number}",
                reason="größer",
                before={"stage": "staging"},
                after={"stage": "production"},
            )

    return record
