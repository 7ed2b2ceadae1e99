"""The dispatcher over real rows and receivers in memory: what goes out, when again, and when no more."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.receiver.fake import FakeReceivers
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.leases.service import Leases
from modelyard.ports.receiver import Reply
from modelyard.principals import Principal
from modelyard.webhooks.deliveries import Deliveries
from modelyard.webhooks.dispatcher import WebhookDispatcher
from modelyard.webhooks.domain import Delivery, DeliveryKind, Webhook, outcome_of
from modelyard.webhooks.queue import DeliveryQueue
from modelyard.webhooks.service import Webhooks
from modelyard.webhooks.signing import Signer
from modelyard.webhooks.states import DeliveryStatus, WebhookStatus
from modelyard.webhooks.tables import deliveries as rows

Deliver = Callable[[], int]
Happen = Callable[..., None]
BROKEN = Reply(code=500, milliseconds=3)


@pytest.fixture
def hook(webhooks: Webhooks, admin: Principal) -> Webhook:
    made, _ = webhooks.create(admin, url="https://hooks.example.com/", description="", event_types=["version.*"])
    return made


class Log:
    """A webhook's log of deliveries."""

    def __init__(self, deliveries: Deliveries, admin: Principal, hook: Webhook) -> None:
        self._deliveries, self._admin, self._hook = deliveries, admin, hook

    def all(self, status: DeliveryStatus | None = None) -> list[Delivery]:
        page = self._deliveries.page(self._admin, self._hook.webhook_id, status=status, limit=200, cursor=None)
        return list(page.items)

    @property
    def one(self) -> Delivery:
        (delivery,) = self.all()
        return delivery


@pytest.fixture
def log(deliveries: Deliveries, admin: Principal, hook: Webhook) -> Log:
    return Log(deliveries, admin, hook)


class TestDelivery:
    def test_an_event_goes_out_once(
        self, log: Log, happen: Happen, deliver: Deliver, receivers: FakeReceivers, clock: ManualClock
    ) -> None:
        happen()
        assert (deliver(), deliver()) == (1, 0)
        (post,) = receivers.posts
        assert post.url == "https://hooks.example.com/"
        assert post.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
        assert json.loads(post.body) == {
            "specversion": "1.0",
            "id": "evt_default_2",
            "source": "/modelyard/tenants/default",
            "type": "io.modelyard.version.production",
            "subject": "models/iris/versions/1",
            "time": clock.now().isoformat(),
            "datacontenttype": "application/json",
            "data": {
                "tenant_id": "default",
                "subject": "models/iris/versions/1",
                "sequence": 2,
                "actor": "admin",
                "reason": "größer",
                "before": {"stage": "staging"},
                "after": {"stage": "production"},
            },
        }
        done = log.one
        assert (done.status, done.attempts, done.response_code) == (DeliveryStatus.DELIVERED, 1, 204)
        assert (done.next_attempt_at, done.error, done.finished_at) == (None, None, clock.now())

    def test_what_fails_is_tried_again_with_the_same_id_and_bytes(
        self, log: Log, happen: Happen, deliver: Deliver, receivers: FakeReceivers, clock: ManualClock
    ) -> None:
        happen()
        receivers.replies.extend([BROKEN, Reply(code=None, milliseconds=9, error="nobody answers")])
        assert deliver() == 1
        first = log.one
        assert (first.status, first.attempts, first.response_code) == (DeliveryStatus.PENDING, 1, 500)
        assert first.error == "expected an answer of 200 to 299, got 500"
        assert first.next_attempt_at is not None
        assert timedelta(seconds=2.5) <= first.next_attempt_at - clock.now() <= timedelta(seconds=5)
        assert deliver() == 0
        clock.sleep(5)
        assert deliver() == 1
        assert (log.one.error, log.one.response_code, log.one.latency_ms) == ("nobody answers", None, 9)
        clock.sleep(15)
        assert deliver() == 1
        assert (log.one.status, log.one.attempts) == (DeliveryStatus.DELIVERED, 3)
        assert len({(post.body, post.headers["webhook-id"]) for post in receivers.posts}) == 1
        assert len({post.headers["webhook-timestamp"] for post in receivers.posts}) == 3

    def test_after_the_last_attempt_it_is_a_dead_letter_until_somebody_redrives_it(
        self,
        log: Log,
        happen: Happen,
        deliver: Deliver,
        receivers: FakeReceivers,
        clock: ManualClock,
        deliveries: Deliveries,
        admin: Principal,
        hook: Webhook,
        audit: AuditLog,
    ) -> None:
        happen()
        receivers.replies.extend([BROKEN] * 3)
        for _ in range(5):
            deliver()
            clock.sleep(3600)
        assert (len(receivers.posts), log.one.status) == (3, DeliveryStatus.DEAD)
        assert [dead.attempts for dead in log.all(DeliveryStatus.DEAD)] == [3]
        assert deliveries.redrive(admin, hook.webhook_id) == 1
        assert deliver() == 1
        assert (log.one.status, log.one.attempts) == (DeliveryStatus.DELIVERED, 1)
        assert deliveries.redrive(admin, hook.webhook_id) == 0
        reported = audit.entries(admin.tenant_id, subject=hook.subject)
        assert [entry.after for entry in reported if entry.action == "webhook.replayed"] == [{"dead_letters": 1}]

    def test_a_receiver_that_asks_for_time_gets_it(
        self, log: Log, happen: Happen, deliver: Deliver, receivers: FakeReceivers, clock: ManualClock
    ) -> None:
        happen()
        receivers.replies.append(Reply(code=429, milliseconds=1, retry_after=timedelta(hours=1)))
        deliver()
        clock.sleep(3599)
        assert deliver() == 0
        clock.sleep(1)
        assert deliver() == 1

    def test_a_receiver_that_is_gone_is_left_alone(
        self,
        log: Log,
        happen: Happen,
        deliver: Deliver,
        receivers: FakeReceivers,
        webhooks: Webhooks,
        admin: Principal,
        hook: Webhook,
        audit: AuditLog,
    ) -> None:
        happen()
        receivers.replies.append(Reply(code=410, milliseconds=1))
        deliver()
        found = webhooks.get(admin, hook.webhook_id)
        assert (found.status, found.reason) == (WebhookStatus.DISABLED, "the receiver answered 410: it is gone")
        assert log.one.status is DeliveryStatus.DEAD
        last = audit.entries(admin.tenant_id, subject=hook.subject)[-1]
        assert (last.action, last.actor) == ("webhook.disabled", "modelyard")

    def test_a_paused_one_gets_all_when_it_is_resumed(
        self, log: Log, happen: Happen, deliver: Deliver, webhooks: Webhooks, admin: Principal, hook: Webhook
    ) -> None:
        webhooks.change(admin, hook.webhook_id, is_active=False)
        happen()
        happen()
        assert deliver() == 0
        webhooks.change(admin, hook.webhook_id, is_active=True)
        assert deliver() == 2

    def test_a_failing_one_is_asked_one_at_a_time_until_it_answers(
        self, log: Log, happen: Happen, deliver: Deliver, receivers: FakeReceivers
    ) -> None:
        for _ in range(60):
            happen()
        receivers.replies.extend([BROKEN] * 33)
        assert [deliver() for _ in range(4)] == [32, 1, 1, 26]

    def test_a_control_plane_with_another_key_signs_nothing(
        self,
        log: Log,
        happen: Happen,
        queue: DeliveryQueue,
        receivers: FakeReceivers,
        clock: ManualClock,
        leases: Leases,
    ) -> None:
        happen()
        signer = Signer("another key")
        other = WebhookDispatcher(
            queue=queue, receivers=receivers, signer=signer, clock=clock, leases=leases, most_attempts=3
        )
        asyncio.run(other.deliver_due())
        assert receivers.posts == []
        assert log.one.error is not None
        assert log.one.error.startswith("not sent: this control plane's key is not the one")


class TestClaims:
    def test_who_takes_twice_takes_each_once(self, log: Log, happen: Happen, queue: DeliveryQueue) -> None:
        for number in range(6):
            happen(number=number)
        first, second = queue.take(lambda _: 4, claim="1"), queue.take(lambda _: 4, claim="1")
        taken = [dispatch.delivery.delivery_id for dispatch in (*first, *second)]
        assert (len(first), len(second), len(set(taken))) == (4, 2, 6)

    def test_while_another_process_dispatches_nothing_goes_out(
        self, happen: Happen, make_leases: Callable[[], Leases], deliver: Deliver
    ) -> None:
        happen()
        assert make_leases().claim("webhooks") is not None
        assert deliver() == 0

    def test_what_a_dead_process_claimed_goes_out_at_once_when_another_one_takes_over(
        self, log: Log, happen: Happen, queue: DeliveryQueue, deliver: Deliver
    ) -> None:
        happen()
        assert len(queue.take(lambda _: 1, claim="0")) == 1
        assert deliver() == 1
        assert (log.one.status, log.one.attempts) == (DeliveryStatus.DELIVERED, 2)

    def test_an_outcome_that_comes_after_somebody_else_claimed_it_is_not_written(
        self, log: Log, happen: Happen, queue: DeliveryQueue, clock: ManualClock, dispatcher: WebhookDispatcher
    ) -> None:
        happen()
        (slow,) = queue.take(lambda _: 1, claim="1")
        (quick,) = queue.take(lambda _: 1, claim="2")
        dead = outcome_of(BROKEN, attempts=3, most_attempts=3, now=clock.now(), jitter=1)
        statuses = []
        for dispatch in (slow, quick):
            queue.settle([(dispatch, dead)])
            statuses.append(log.one.status)
        assert statuses == [DeliveryStatus.PENDING, DeliveryStatus.DEAD]


class TestSendingAgain:
    def test_a_test_tells_of_nothing_and_is_signed_all_the_same(
        self,
        log: Log,
        deliveries: Deliveries,
        admin: Principal,
        hook: Webhook,
        deliver: Deliver,
        receivers: FakeReceivers,
    ) -> None:
        made = deliveries.test(admin, hook.webhook_id)
        assert (made.kind, made.sequence) == (DeliveryKind.TEST, None)
        assert deliver() == 1
        event = json.loads(receivers.posts[0].body)
        assert (event["type"], event["data"]["sequence"]) == ("io.modelyard.webhook.test", None)
        assert receivers.posts[0].headers["webhook-id"] == event["id"]
        found, reported = deliveries.get(admin, hook.webhook_id, made.delivery_id)
        assert (found.status, reported) == (DeliveryStatus.DELIVERED, event)

    def test_a_paused_one_cannot_be_tested(
        self, webhooks: Webhooks, deliveries: Deliveries, admin: Principal, hook: Webhook
    ) -> None:
        webhooks.change(admin, hook.webhook_id, is_active=False)
        with pytest.raises(Conflict) as caught:
            deliveries.test(admin, hook.webhook_id)
        assert caught.value.code == "webhook_not_active"

    def test_one_delivery_goes_out_again_as_the_same_event(
        self,
        log: Log,
        deliveries: Deliveries,
        admin: Principal,
        hook: Webhook,
        happen: Happen,
        deliver: Deliver,
        receivers: FakeReceivers,
    ) -> None:
        happen()
        deliver()
        again = deliveries.replay_one(admin, hook.webhook_id, log.one.delivery_id)
        assert (again.kind, again.sequence) == (DeliveryKind.REPLAY, 2)
        assert deliver() == 1
        assert receivers.posts[0].body == receivers.posts[1].body
        with pytest.raises(NotFound):
            deliveries.replay_one(admin, hook.webhook_id, "dlv-0")

    def test_a_range_brings_what_was_missed_while_it_was_disabled(
        self,
        log: Log,
        webhooks: Webhooks,
        deliveries: Deliveries,
        admin: Principal,
        hook: Webhook,
        database: Database,
        happen: Happen,
        deliver: Deliver,
        clock: ManualClock,
    ) -> None:
        with database.write() as connection:
            webhooks.disable(connection, hook, reason="gone")
        clock.sleep(60)
        since = clock.now()
        happen("version.staging")
        clock.sleep(60)
        happen("job.failed")
        happen("version.production")
        until = clock.now()
        webhooks.change(admin, hook.webhook_id, is_active=True)
        assert deliveries.replay(admin, hook.webhook_id, since=since, until=until) == 1
        assert deliveries.replay(admin, hook.webhook_id, since=since, until=until + timedelta(seconds=1)) == 2
        assert deliver() == 3

    def test_a_range_with_more_than_can_be_is_refused_whole(
        self,
        log: Log,
        deliveries: Deliveries,
        admin: Principal,
        hook: Webhook,
        happen: Happen,
        clock: ManualClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("modelyard.webhooks.deliveries.MOST_REPLAYED", 2)
        since = clock.now()
        for _ in range(3):
            happen()
        before = len(log.all())
        with pytest.raises(Invalid, match="expected a range of at most 2 events"):
            deliveries.replay(admin, hook.webhook_id, since=since, until=since + timedelta(days=1))
        assert len(log.all()) == before

    def test_another_tenants_log_is_not_found(self, deliveries: Deliveries, stranger: Principal, hook: Webhook) -> None:
        with pytest.raises(NotFound):
            deliveries.page(stranger, hook.webhook_id, status=None, limit=1, cursor=None)
        with pytest.raises(NotFound):
            deliveries.redrive(stranger, hook.webhook_id)


class TestForgetting:
    def test_what_arrived_long_ago_goes_and_dead_letters_stay(
        self,
        log: Log,
        happen: Happen,
        deliver: Deliver,
        receivers: FakeReceivers,
        queue: DeliveryQueue,
        clock: ManualClock,
    ) -> None:
        happen()
        happen()
        receivers.replies.append(Reply(code=410, milliseconds=1))
        deliver()
        clock.sleep(timedelta(days=30).total_seconds())
        assert queue.forget() == 0
        clock.sleep(1)
        assert queue.forget() == 1
        assert [delivery.status for delivery in log.all()] == [DeliveryStatus.DEAD]

    def test_deliveries_of_a_webhook_that_is_gone_go_with_it(
        self,
        log: Log,
        happen: Happen,
        webhooks: Webhooks,
        admin: Principal,
        hook: Webhook,
        database: Database,
        queue: DeliveryQueue,
    ) -> None:
        happen()
        webhooks.delete(admin, hook.webhook_id)
        with database.read() as connection:
            assert connection.execute(select(rows)).all() == []
        assert queue.forget() == 0
