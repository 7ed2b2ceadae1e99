"""The verbs on webhooks, over real rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.receiver.fake import FakeReceivers
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, NotFound, Precondition
from modelyard.key_file import kept_key
from modelyard.principals import Principal
from modelyard.webhooks.deliveries import Deliveries
from modelyard.webhooks.domain import Webhook
from modelyard.webhooks.service import MOST_WEBHOOKS, Webhooks
from modelyard.webhooks.signing import Signer
from modelyard.webhooks.states import WebhookStatus

URL = "https://hooks.example.com/secret-path"


@pytest.fixture
def hook(webhooks: Webhooks, admin: Principal) -> Webhook:
    """It hears of versions."""
    made, _ = webhooks.create(admin, url=URL, description="ours", event_types=["version.*"])
    return made


def heard(deliveries: Deliveries, admin: Principal, hook: Webhook) -> list[tuple[str, int | None]]:
    page = deliveries.page(admin, hook.webhook_id, status=None, limit=200, cursor=None)
    return [(delivery.event_type, delivery.sequence) for delivery in page.items]


class TestCreate:
    def test_the_secret_is_reported_once_and_stored_nowhere(
        self, webhooks: Webhooks, admin: Principal, database: Database, tmp_path: Path
    ) -> None:
        made, secret = webhooks.create(admin, url=URL, description="", event_types=["*"])
        assert secret.startswith("whsec_")
        assert len(secret) == len("whsec_") + 44
        assert webhooks.get(admin, made.webhook_id) == made
        assert secret.removeprefix("whsec_") not in repr(made)

    def test_two_webhooks_have_two_secrets(self, webhooks: Webhooks, admin: Principal) -> None:
        secrets = {webhooks.create(admin, url=URL, description="", event_types=["*"])[1] for _ in range(3)}
        assert len(secrets) == 3

    def test_an_address_that_can_never_be_posted_to_is_refused(
        self, webhooks: Webhooks, admin: Principal, receivers: FakeReceivers
    ) -> None:
        receivers.refused = "it is not public"
        with pytest.raises(Invalid, match="url: it is not public") as caught:
            webhooks.create(admin, url=URL, description="", event_types=["*"])
        assert caught.value.code == "webhook_url_refused"

    def test_an_edit_to_such_an_address_is_refused_too(
        self, webhooks: Webhooks, admin: Principal, hook: Webhook, receivers: FakeReceivers
    ) -> None:
        receivers.refused = "it is not public"
        with pytest.raises(Invalid, match="url: it is not public"):
            webhooks.change(admin, hook.webhook_id, url="https://other.example.com/")
        assert webhooks.get(admin, hook.webhook_id).url == URL

    def test_a_tenant_has_no_more_than_a_hundred(self, webhooks: Webhooks, admin: Principal) -> None:
        for _ in range(MOST_WEBHOOKS):
            webhooks.create(admin, url=URL, description="", event_types=["job.failed"])
        with pytest.raises(Conflict) as caught:
            webhooks.create(admin, url=URL, description="", event_types=["job.failed"])
        assert caught.value.code == "too_many_webhooks"

    def test_what_happened_to_it_is_in_the_audit_log_without_its_path(
        self, webhooks: Webhooks, admin: Principal, hook: Webhook, audit: AuditLog
    ) -> None:
        webhooks.change(admin, hook.webhook_id, is_active=False)
        webhooks.rotate(admin, hook.webhook_id, overlap=timedelta(hours=1))
        webhooks.delete(admin, hook.webhook_id)
        entries = audit.entries(admin.tenant_id, subject=hook.subject)
        assert [entry.action for entry in entries] == [
            *("webhook.created", "webhook.changed", "webhook.secret_rotated", "webhook.deleted")
        ]
        assert "secret-path" not in repr(entries)


class TestEvents:
    def test_a_change_leaves_a_delivery_for_each_that_hears_of_it(
        self, webhooks: Webhooks, deliveries: Deliveries, admin: Principal, hook: Webhook, happen: Callable[..., None]
    ) -> None:
        other, _ = webhooks.create(admin, url=URL, description="", event_types=["job.failed"])
        happen("version.production")
        happen("job.failed")
        happen("model.created")
        assert heard(deliveries, admin, hook) == [("version.production", 3)]
        assert heard(deliveries, admin, other) == [("job.failed", 4)]

    def test_a_change_that_is_rolled_back_leaves_none(
        self, deliveries: Deliveries, admin: Principal, hook: Webhook, database: Database, audit: AuditLog
    ) -> None:
        def change_and_break() -> None:
            with database.write() as connection:
                audit.record(connection, principal=admin, action="version.none", subject="models/iris/versions/1")
                raise LookupError

        with pytest.raises(LookupError):
            change_and_break()
        assert heard(deliveries, admin, hook) == []

    def test_another_tenants_changes_are_not_heard_of(
        self,
        deliveries: Deliveries,
        admin: Principal,
        stranger: Principal,
        hook: Webhook,
        database: Database,
        audit: AuditLog,
    ) -> None:
        with database.write() as connection:
            audit.record(connection, principal=stranger, action="version.none", subject="models/iris/versions/1")
        assert heard(deliveries, admin, hook) == []

    def test_a_paused_one_keeps_them_and_a_disabled_one_does_not(
        self,
        webhooks: Webhooks,
        deliveries: Deliveries,
        admin: Principal,
        hook: Webhook,
        database: Database,
        happen: Callable[..., None],
    ) -> None:
        webhooks.change(admin, hook.webhook_id, is_active=False)
        happen()
        assert len(heard(deliveries, admin, hook)) == 1
        with database.write() as connection:
            webhooks.disable(connection, hook, reason="gone")
        happen()
        assert len(heard(deliveries, admin, hook)) == 1
        assert webhooks.change(admin, hook.webhook_id, is_active=True).reason is None
        happen()
        assert len(heard(deliveries, admin, hook)) == 2


class TestChange:
    def test_what_is_named_changes_and_nothing_else(
        self, webhooks: Webhooks, admin: Principal, hook: Webhook, clock: ManualClock
    ) -> None:
        clock.sleep(1)
        changed = webhooks.change(admin, hook.webhook_id, event_types=["*", "job.*"])
        assert changed == replace(hook, event_types=("*", "job.*"), updated_at=clock.now(), revision=2)
        assert webhooks.change(admin, hook.webhook_id, event_types=["*", "job.*"]) == changed

    def test_of_two_with_one_revision_the_second_is_reported(
        self, webhooks: Webhooks, admin: Principal, hook: Webhook
    ) -> None:
        webhooks.change(admin, hook.webhook_id, description="mine", revision=1)
        with pytest.raises(Precondition):
            webhooks.change(admin, hook.webhook_id, description="theirs", revision=1)

    def test_another_tenants_is_not_found(self, webhooks: Webhooks, stranger: Principal, hook: Webhook) -> None:
        for verb in (webhooks.get, webhooks.delete, webhooks.change):
            with pytest.raises(NotFound):
                verb(stranger, hook.webhook_id)
        assert webhooks.page(stranger, limit=10, cursor=None).items == []

    def test_a_receiver_that_moved_is_not_disabled_by_what_the_one_before_said(
        self, webhooks: Webhooks, admin: Principal, hook: Webhook, database: Database
    ) -> None:
        webhooks.change(admin, hook.webhook_id, url="https://elsewhere.example.com/")
        with database.write() as connection:
            webhooks.disable(connection, hook, reason="gone")
        assert webhooks.get(admin, hook.webhook_id).status is WebhookStatus.ACTIVE


class TestPages:
    def test_they_hold_each_webhook_once_newest_first(
        self, webhooks: Webhooks, admin: Principal, clock: ManualClock
    ) -> None:
        made = []
        for number in range(5):
            clock.sleep(number % 2)
            made.append(webhooks.create(admin, url=URL, description="", event_types=["*"])[0].webhook_id)
        got: list[str] = []
        cursor = None
        while True:
            page = webhooks.page(admin, limit=2, cursor=cursor)
            got += [webhook.webhook_id for webhook in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(got) == sorted(made)
        assert got[0] in made[3:]


class TestKey:
    def test_it_is_made_once_and_is_its_owners(self, tmp_path: Path) -> None:
        path = tmp_path / "webhook.key"
        key = kept_key(path)
        assert (kept_key(path), len(key) > 40, path.stat().st_mode & 0o777) == (key, True, 0o600)
        assert list(tmp_path.iterdir()) == [path]

    def test_another_key_makes_other_secrets(self, signer: Signer) -> None:
        assert signer.secret("hook-1", 1) != Signer("another").secret("hook-1", 1)
        assert signer.secret("hook-1", 1) != signer.secret("hook-1", 2)
