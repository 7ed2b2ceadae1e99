"""The whole way: a change, the dispatcher in its thread, a real receiver that verifies with what others wrote."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import delivering_process
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from counting_receiver import counting
from receiving_server import ReceivingServer, receiving
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.receiver.http import HttpReceivers
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.leases.service import Leases
from modelyard.principals import Principal, Role
from modelyard.webhooks.deliveries import Deliveries
from modelyard.webhooks.dispatcher import WebhookDispatcher
from modelyard.webhooks.domain import Webhook
from modelyard.webhooks.listener import WebhookListener
from modelyard.webhooks.queue import DeliveryQueue
from modelyard.webhooks.service import Webhooks
from modelyard.webhooks.signing import Signer
from modelyard.webhooks.states import DeliveryStatus

KEY = "a key of a control plane, kept outside"
ADMIN = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)
EVENTS = int(os.environ.get("MODELYARD_TEST_WEBHOOKS", "2000"))
"""The whole proof is made with 10000."""
KILLS = 3


class Yard:
    """The parts of webhooks with the machine's clock and real connections."""

    def __init__(self, database: Database) -> None:
        clock, signer = SystemClock(), Signer(KEY)
        receivers = HttpReceivers(allowed=[ip_network("127.0.0.0/8")], seconds=20)
        self.database = database
        self.audit = AuditLog(database=database, clock=clock, listeners=[WebhookListener(clock).on_entry])
        self.webhooks = Webhooks(database=database, clock=clock, audit=self.audit, signer=signer, receivers=receivers)
        self.deliveries = Deliveries(database=database, clock=clock, audit=self.audit, webhooks=self.webhooks)
        queue = DeliveryQueue(
            database=database,
            clock=clock,
            audit=self.audit,
            webhooks=self.webhooks,
            kept=timedelta(days=30),
        )
        leases = Leases(database=database, clock=clock, holder=uuid4().hex, lasts=timedelta(seconds=30))
        self.dispatcher = WebhookDispatcher(
            queue=queue, receivers=receivers, signer=signer, clock=clock, leases=leases, most_attempts=5
        )

    def create(self, receiver: ReceivingServer) -> tuple[Webhook, str]:
        return self.webhooks.create(ADMIN, url=receiver.url, description="", event_types=["version.*"])

    def happen(self, count: int) -> None:
        with self.database.write() as connection:
            for number in range(count):
                self.audit.record(
                    connection,
                    principal=ADMIN,
                    action="version.staging",
                    subject=f"models/iris/versions/{number}",
                    reason="größer",
                    after={"stage": "staging"},
                )

    def left(self, hook: Webhook) -> int:
        page = self.deliveries.page(ADMIN, hook.webhook_id, status=DeliveryStatus.PENDING, limit=1, cursor=None)
        return len(page.items)


@pytest.fixture
def yard(database: Database) -> Iterator[Yard]:
    yard = Yard(database)
    yield yard
    yard.dispatcher.stop()


@pytest.fixture
def receiver() -> Iterator[ReceivingServer]:
    with receiving() as server:
        yield server


class TestReceivers:
    def test_another_implementation_verifies_the_signature_and_reads_the_event(
        self, yard: Yard, receiver: ReceivingServer, until: Callable[..., None]
    ) -> None:
        _, secret = yard.create(receiver)
        yard.happen(1)
        yard.dispatcher.start()
        until(lambda: receiver.got)
        got = receiver.got[0]
        Verifier(secret).verify(got.body, dict(got.headers))
        event = from_structured_event(HTTPMessage(dict(got.headers), got.body))
        assert (event.get_type(), event.get_id()) == ("io.modelyard.version.staging", "evt_default_2")
        assert (event.get_subject(), event.get_source()) == ("models/iris/versions/0", "/modelyard/tenants/default")
        reported = event.get_time()
        assert reported is not None
        assert abs(datetime.now(UTC) - reported) < timedelta(minutes=1)
        data = event.get_data()
        assert isinstance(data, dict)
        assert (data["reason"], data["after"]) == ("größer", {"stage": "staging"})

    def test_a_changed_body_or_another_secret_is_found_out(
        self, yard: Yard, receiver: ReceivingServer, until: Callable[..., None]
    ) -> None:
        _, secret = yard.create(receiver)
        _, other = yard.create(receiver)
        yard.happen(1)
        yard.dispatcher.start()
        until(lambda: len(receiver.got) == 2)
        got = receiver.got[0]
        with pytest.raises(WebhookVerificationError):
            Verifier(secret).verify(got.body.replace(b"iris", b"wine"), dict(got.headers))
        verified = 0
        for each in (secret, other):
            try:
                Verifier(each).verify(got.body, dict(got.headers))
                verified += 1
            except WebhookVerificationError:
                continue
        assert verified == 1

    def test_while_a_secret_is_rotated_both_verify(
        self, yard: Yard, receiver: ReceivingServer, until: Callable[..., None]
    ) -> None:
        hook, before = yard.create(receiver)
        _, after = yard.webhooks.rotate(ADMIN, hook.webhook_id, overlap=timedelta(hours=1))
        yard.happen(1)
        yard.dispatcher.start()
        until(lambda: receiver.got)
        for secret in (before, after):
            Verifier(secret).verify(receiver.got[0].body, dict(receiver.got[0].headers))
        _, last = yard.webhooks.rotate(ADMIN, hook.webhook_id, overlap=timedelta(0))
        yard.happen(1)
        until(lambda: len(receiver.got) == 2)
        Verifier(last).verify(receiver.got[1].body, dict(receiver.got[1].headers))
        with pytest.raises(WebhookVerificationError):
            Verifier(after).verify(receiver.got[1].body, dict(receiver.got[1].headers))

    def test_a_receiver_that_does_not_answer_holds_up_nobody_else(
        self, yard: Yard, receiver: ReceivingServer, until: Callable[..., None]
    ) -> None:
        with receiving() as silent:
            silent.may_answer.clear()
            slow, _ = yard.create(silent)
            yard.happen(100)
            yard.create(receiver)
            yard.happen(100)
            yard.dispatcher.start()
            until(lambda: len(receiver.got) == 100)
            assert len(silent.got) <= 32
            silent.may_answer.set()
            until(lambda: not yard.left(slow), seconds=40)
            assert len({got.body for got in silent.got}) == 200


class TestKills:
    def test_none_is_lost_when_the_delivering_process_is_killed_again_and_again(
        self, sqlite_database: Database, tmp_path: Path
    ) -> None:
        yard = Yard(sqlite_database)
        command = [sys.executable, delivering_process.__file__, f"sqlite:///{tmp_path / 'modelyard.db'}", KEY, "2"]
        with counting() as (url, ids):
            hook, _ = yard.webhooks.create(ADMIN, url=url, description="", event_types=["version.*"])
            for _ in range(EVENTS // 1000):
                yard.happen(1000)
            for round_ in range(1, KILLS + 1):
                with subprocess.Popen(command) as process:
                    share = EVENTS * round_ // (KILLS + 1)
                    wait_for(partial(arrived, ids, share))
                    process.kill()
            with subprocess.Popen(command) as process:
                wait_for(lambda: len(set(ids)) == EVENTS and not yard.left(hook))
                process.terminate()
        assert len(set(ids)) == EVENTS
        assert len(ids) <= EVENTS + KILLS * 64  # What was under way at a kill comes twice.


def arrived(ids: list[bytes], count: int) -> bool:
    return len(set(ids)) >= count


@pytest.fixture(autouse=True)
def no_loop_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "webhook-dispatcher" and thread.is_alive()]


def wait_for(fact: Callable[[], bool], *, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.02)
