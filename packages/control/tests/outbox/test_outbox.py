"""Messages that are delivered after their transaction: at least once, again until it works."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.errors import Unavailable
from modelyard.outbox.delivery import OutboxDelivery
from modelyard.outbox.service import Outbox
from modelyard.outbox.tables import outbox as rows


class Crash(BaseException):
    """What `kill -9` looks like from inside."""


class Receiver:
    """Another system, which fails when it is reported to."""

    def __init__(self) -> None:
        self.got: list[Mapping[str, Any]] = []
        self.error: BaseException | None = None
        self.arrived = threading.Event()

    def __call__(self, payload: Mapping[str, Any]) -> None:
        self.got.append(payload)
        self.arrived.set()
        if self.error is not None:
            raise self.error


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def delivery(database: Database, clock: ManualClock, receiver: Receiver) -> OutboxDelivery:
    return OutboxDelivery(database=database, clock=clock, handlers={"letters": receiver})


def put(database: Database, outbox: Outbox, number: int, *, topic: str = "letters") -> None:
    with database.write() as connection:
        outbox.put(connection, tenant_id="default", topic=topic, payload={"number": number})


class TestDelivery:
    def test_messages_go_out_once_and_in_the_order_of_their_making(
        self, database: Database, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        for number in range(3):
            put(database, outbox, number)
        assert (delivery.deliver_due(), delivery.deliver_due()) == (3, 0)
        assert [payload["number"] for payload in receiver.got] == [0, 1, 2]

    def test_a_message_of_a_transaction_that_was_rolled_back_never_goes_out(
        self, database: Database, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        def put_and_break() -> None:
            with database.write() as connection:
                outbox.put(connection, tenant_id="default", topic="letters", payload={})
                raise LookupError

        with pytest.raises(LookupError):
            put_and_break()
        assert delivery.deliver_due() == 0

    def test_a_crash_between_delivery_and_its_note_delivers_again(
        self, database: Database, clock: ManualClock, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        put(database, outbox, 1)
        receiver.error = Crash()
        with pytest.raises(Crash):
            delivery.deliver_due()
        receiver.error = None
        restarted = OutboxDelivery(database=database, clock=clock, handlers={"letters": receiver})
        assert restarted.deliver_due() == 1
        assert [payload["number"] for payload in receiver.got] == [1, 1]
        assert restarted.deliver_due() == 0

    def test_more_messages_than_one_batch_all_go_out(
        self, database: Database, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        for number in range(120):
            put(database, outbox, number)
        while delivery.deliver_due():
            pass
        assert [payload["number"] for payload in receiver.got] == list(range(120))


class TestForgetting:
    def test_what_was_delivered_a_week_ago_goes_and_what_waits_stays(
        self, database: Database, clock: ManualClock, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        put(database, outbox, 1)
        put(database, outbox, 2, topic="nobody-listens")
        assert delivery.deliver_due() == 1
        clock.sleep(timedelta(days=7).total_seconds())
        put(database, outbox, 3)
        assert delivery.deliver_due() == 1
        assert delivery.forget() == 0
        clock.sleep(1)
        assert delivery.forget() == 1
        with database.read() as connection:
            kept = connection.execute(select(rows.c.payload).order_by(rows.c.id)).scalars().all()
        assert [payload["number"] for payload in kept] == [2, 3]


class TestBackOff:
    def test_waits_grow_from_a_second_to_five_minutes(
        self, database: Database, clock: ManualClock, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        put(database, outbox, 1)
        receiver.error = Unavailable("away", code="away")
        waits = []
        for _ in range(12):
            assert delivery.deliver_due() == 0
            with database.read() as connection:
                due = connection.execute(select(rows.c.next_attempt_at)).scalar_one()
            waits.append((due - clock.now()).total_seconds())
            clock.sleep(waits[-1])
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
        assert len(receiver.got) == 12

    def test_nothing_is_tried_before_its_time(
        self, database: Database, clock: ManualClock, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        put(database, outbox, 1)
        receiver.error = ValueError("broken")
        delivery.deliver_due()
        clock.sleep(timedelta(seconds=0.9).total_seconds())
        delivery.deliver_due()
        assert len(receiver.got) == 1

    def test_one_that_fails_does_not_hold_up_the_others(
        self, database: Database, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        put(database, outbox, 1, topic="nobody-listens")
        put(database, outbox, 2)
        assert delivery.deliver_due() == 1
        assert [payload["number"] for payload in receiver.got] == [2]

    def test_why_it_failed_is_kept_until_it_is_delivered(
        self, database: Database, clock: ManualClock, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        put(database, outbox, 1)
        receiver.error = ValueError("its \x00 answer was no answer")
        delivery.deliver_due()
        with database.read() as connection:
            row = connection.execute(select(rows)).one()
        assert (row.attempts, row.delivered_at) == (1, None)
        assert row.last_error == "ValueError: its \N{REPLACEMENT CHARACTER} answer was no answer"
        receiver.error = None
        clock.sleep(1)
        delivery.deliver_due()
        with database.read() as connection:
            row = connection.execute(select(rows)).one()
        assert (row.attempts, row.delivered_at, row.last_error) == (2, clock.now(), None)


class TestPass:
    def test_it_says_whether_more_may_be_due_and_forgets_what_is_old(
        self, database: Database, clock: ManualClock, outbox: Outbox, delivery: OutboxDelivery, receiver: Receiver
    ) -> None:
        put(database, outbox, 1)
        assert [delivery.make_pass(), delivery.make_pass()] == [True, False]
        clock.sleep(8 * 24 * 3600)
        delivery.make_pass()
        with database.read() as connection:
            assert connection.execute(select(rows)).first() is None
