"""Which events a webhook hears, what an address may look like, and what follows from a reply."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modelyard.errors import Invalid
from modelyard.ports.receiver import Reply
from modelyard.webhooks.catalogue import EVENT_TYPES
from modelyard.webhooks.domain import (
    Webhook,
    origin_of,
    outcome_of,
    validate_event_types,
    validate_url,
    wait_after,
)
from modelyard.webhooks.states import DeliveryStatus, WebhookStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEBHOOK = Webhook(
    webhook_id="hook-1",
    tenant_id="default",
    url="https://hooks.example.com/",
    description="",
    event_types=("*",),
    status=WebhookStatus.ACTIVE,
    reason=None,
    generation=3,
    secret_digest="",
    previous_until=None,
    created_at=NOW,
    created_by="alice",
    updated_at=NOW,
    revision=1,
)


class TestHears:
    @pytest.mark.parametrize(
        ("patterns", "action", "is_heard"),
        [
            (("*",), "job.failed", True),
            (("version.*",), "version.production", True),
            (("version.production",), "version.production", True),
            (("version.production",), "version.staging", False),
            (("version.*",), "versions.x", False),
            (("job.failed", "request.*"), "request.expired", True),
        ],
    )
    def test_a_type_a_noun_or_everything(self, patterns: tuple[str, ...], action: str, is_heard: bool) -> None:  # noqa: FBT001
        assert replace(WEBHOOK, event_types=patterns).hears(action) is is_heard


class TestGenerations:
    def test_the_secret_before_signs_until_its_time_is_over(self) -> None:
        webhook = replace(WEBHOOK, previous_until=NOW)
        assert webhook.generations(NOW - timedelta(microseconds=1)) == (3, 2)
        assert webhook.generations(NOW) == (3,)
        assert WEBHOOK.generations(NOW) == (3,)


class TestUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "https://hooks.example.com",
            "http://10.0.0.1:8080/a?b=c",
            "https://[2001:db8::1]:8443/x",
            "https://a_b.example/",
        ],
    )
    def test_what_can_be_posted_to(self, url: str) -> None:
        validate_url(url)

    @pytest.mark.parametrize(
        "url",
        [
            *("", "hooks.example.com", "ftp://example.com/", "file:///etc/passwd", "https://", "https:///path"),
            *("https://user@example.com/", "https://user:secret@example.com/", "https://example.com/#part"),
            *("https://example.com:99999/", "https://example.com:0/", "https://example.com:x/", "https://[::1/"),
            *(
                "https://exam ple.com/",
                "https://example.com/\r\nHost: other",
                "https://ex\u00e4mple.com/",
                "https://-/",
            ),
            "https://example.com/" + "a" * 2000,
        ],
    )
    def test_what_cannot(self, url: str) -> None:
        with pytest.raises(Invalid) as caught:
            validate_url(url)
        assert (caught.value.code, caught.value.field) == ("webhook_url_invalid", "url")

    def test_of_an_address_only_its_origin_is_reported_on(self) -> None:
        assert origin_of("https://hooks.example.com:8443/secret?token=1") == "https://hooks.example.com:8443"


class TestEventTypes:
    def test_patterns_are_kept_once_and_sorted(self) -> None:
        assert validate_event_types(["version.*", "job.failed", "version.*"], EVENT_TYPES) == (
            "job.failed",
            "version.*",
        )

    @pytest.mark.parametrize("pattern", ["", "version", "version.gone", "nouns.*", "*.failed", "version.*.*", "**"])
    def test_a_type_that_nobody_sends_is_refused(self, pattern: str) -> None:
        with pytest.raises(Invalid, match="event_types: expected types of the catalogue"):
            validate_event_types([pattern], EVENT_TYPES)


class TestOutcome:
    def outcome(self, reply: Reply, attempts: int = 1) -> tuple[DeliveryStatus, timedelta | None]:
        found = outcome_of(reply, attempts=attempts, most_attempts=3, now=NOW, jitter=1)
        return found.status, None if found.next_attempt_at is None else found.next_attempt_at - NOW

    @pytest.mark.parametrize("code", [200, 202, 204, 299])
    def test_a_success_ends_it(self, code: int) -> None:
        assert self.outcome(Reply(code=code, milliseconds=1)) == (DeliveryStatus.DELIVERED, None)

    @pytest.mark.parametrize("code", [199, 301, 302, 400, 404, 429, 500, None])
    def test_anything_else_is_tried_again_until_the_last_attempt(self, code: int | None) -> None:
        reply = Reply(code=code, milliseconds=1)
        assert self.outcome(reply) == (DeliveryStatus.PENDING, timedelta(seconds=5))
        assert self.outcome(reply, attempts=3) == (DeliveryStatus.DEAD, None)

    def test_one_that_is_gone_is_not_asked_again(self) -> None:
        found = outcome_of(Reply(code=410, milliseconds=1), attempts=1, most_attempts=3, now=NOW, jitter=1)
        assert (found.status, found.is_gone) == (DeliveryStatus.DEAD, True)

    def test_waits_grow_to_eight_hours_and_are_between_half_and_whole(self) -> None:
        whole = [wait_after(attempt, None, jitter=1).total_seconds() for attempt in range(1, 12)]
        assert whole == [5, 15, 45, 135, 405, 1215, 3645, 10935, 28800, 28800, 28800]
        assert wait_after(1, None, jitter=0).total_seconds() == 2.5
        assert wait_after(10_000, None, jitter=1).total_seconds() == 28800

    def test_a_receiver_that_asks_for_more_time_gets_it_up_to_a_day(self) -> None:
        assert wait_after(1, timedelta(minutes=7), jitter=1) == timedelta(minutes=7)
        assert wait_after(1, timedelta(seconds=1), jitter=1) == timedelta(seconds=5)
        assert wait_after(1, timedelta(days=400), jitter=1) == timedelta(days=1)
