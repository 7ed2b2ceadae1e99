"""The verbs on webhooks. A secret leaves when it is made, and is never stored."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, NotFound, Precondition
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.ports.receiver import Receivers
from modelyard.principals import Principal, Role
from modelyard.revision import check_revision
from modelyard.webhooks import store
from modelyard.webhooks.catalogue import EVENT_TYPES
from modelyard.webhooks.domain import Webhook, origin_of, validate_event_types, validate_url
from modelyard.webhooks.signing import Signer
from modelyard.webhooks.states import WebhookStatus

MOST_WEBHOOKS = 100
"""Of one tenant: each is looked at in every change."""
_SYSTEM = "modelyard"


class Webhooks:
    """Webhooks of all tenants."""

    def __init__(
        self, *, database: Database, clock: Clock, audit: AuditLog, signer: Signer, receivers: Receivers
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._signer = signer
        self._receivers = receivers

    def create(
        self, principal: Principal, *, url: str, description: str, event_types: list[str]
    ) -> tuple[Webhook, str]:
        """A new webhook, and its secret.

        Raises:
            Invalid: code `webhook_url_invalid`, `webhook_url_refused` or `event_type_unknown`.
            Conflict: code `too_many_webhooks`.
        """
        self._check_url(url)
        now = self._clock.now()
        webhook_id = f"hook-{uuid4().hex}"
        webhook = Webhook(
            webhook_id=webhook_id,
            tenant_id=principal.tenant_id,
            url=url,
            description=description,
            event_types=validate_event_types(event_types, EVENT_TYPES),
            status=WebhookStatus.ACTIVE,
            reason=None,
            generation=1,
            secret_digest=self._signer.digest(webhook_id, 1),
            previous_until=None,
            created_at=now,
            created_by=principal.subject,
            updated_at=now,
            revision=1,
        )
        with self._database.write() as connection:
            self._record(connection, principal, "webhook.created", webhook, after=_audit_fields(webhook))
            if store.count(connection, principal.tenant_id) >= MOST_WEBHOOKS:
                raise Conflict(f"there are {MOST_WEBHOOKS} webhooks already: delete one", code="too_many_webhooks")
            store.add(connection, webhook)
        return webhook, self._signer.secret(webhook_id, 1)

    def get(self, principal: Principal, webhook_id: str) -> Webhook:
        """One webhook.

        Raises:
            NotFound: code `webhook_not_found`.
        """
        with self._database.read() as connection:
            return self.within(connection, principal, webhook_id)

    @staticmethod
    def within(connection: Connection, principal: Principal, webhook_id: str) -> Webhook:
        """One webhook, in the caller's transaction.

        Raises:
            NotFound: code `webhook_not_found`.
        """
        webhook = store.find(connection, principal.tenant_id, webhook_id)
        if webhook is None:
            raise NotFound(f"there is no webhook '{webhook_id}'", code="webhook_not_found")
        return webhook

    def page(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[Webhook]:
        """The tenant's webhooks, newest first."""
        with self._database.read() as connection:
            return store.page(connection, principal.tenant_id, limit=limit, cursor=cursor)

    def change(
        self,
        principal: Principal,
        webhook_id: str,
        *,
        url: str | None = None,
        description: str | None = None,
        event_types: list[str] | None = None,
        is_active: bool | None = None,
        revision: int | None = None,
    ) -> Webhook:
        """Change what is named; `is_active` pauses and resumes, and brings back one that was disabled.

        Raises:
            NotFound: code `webhook_not_found`.
            Invalid: as of `create`.
            Precondition: code `revision_changed`.
        """
        wanted: dict[str, Any] = {}
        if url is not None:
            self._check_url(url)
            wanted["url"] = url
        if description is not None:
            wanted["description"] = description
        if event_types is not None:
            wanted["event_types"] = validate_event_types(event_types, EVENT_TYPES)
        if is_active is not None:
            wanted |= {"status": WebhookStatus.ACTIVE if is_active else WebhookStatus.PAUSED, "reason": None}
        with self._database.write() as connection:
            before = self.within(connection, principal, webhook_id)
            check_revision(revision, before.revision, subject=before.subject)
            after = replace(before, **wanted)
            if after == before:
                return before
            self._write(connection, before, **wanted)
            self._record(
                connection,
                principal,
                "webhook.changed",
                before,
                before=_audit_fields(before),
                after=_audit_fields(after),
            )
            return self.within(connection, principal, webhook_id)

    def rotate(self, principal: Principal, webhook_id: str, *, overlap: timedelta) -> tuple[Webhook, str]:
        """Give another secret. For the overlap deliveries are signed with both.

        Raises:
            NotFound: code `webhook_not_found`.
        """
        with self._database.write() as connection:
            before = self.within(connection, principal, webhook_id)
            generation = before.generation + 1
            until = self._clock.now() + overlap
            self._write(
                connection,
                before,
                generation=generation,
                secret_digest=self._signer.digest(webhook_id, generation),
                previous_until=until,
            )
            after = {"generation": generation, "previous_until": until.isoformat()}
            self._record(connection, principal, "webhook.secret_rotated", before, after=after)
            webhook = self.within(connection, principal, webhook_id)
        return webhook, self._signer.secret(webhook_id, generation)

    def delete(self, principal: Principal, webhook_id: str) -> None:
        """Delete it with its log. What is under way arrives, or not.

        Raises:
            NotFound: code `webhook_not_found`.
        """
        with self._database.write() as connection:
            webhook = self.within(connection, principal, webhook_id)
            store.remove(connection, webhook)
            self._record(connection, principal, "webhook.deleted", webhook, before=_audit_fields(webhook))

    def disable(self, connection: Connection, webhook: Webhook, *, reason: str) -> None:
        """Keep no more events for a webhook whose receiver is gone. Again: nothing more happens.

        Nor does anything when somebody changes it at this moment: they may have mended it.
        """
        system = Principal(tenant_id=webhook.tenant_id, subject=_SYSTEM, role=Role.DEVELOPER)
        current = store.find(connection, webhook.tenant_id, webhook.webhook_id)
        if current is None or current.status is WebhookStatus.DISABLED or current.url != webhook.url:
            return
        now = self._clock.now()
        if store.change(connection, current, updated_at=now, status=WebhookStatus.DISABLED, reason=reason):
            self._record(connection, system, "webhook.disabled", current, reason=reason)

    def _write(self, connection: Connection, webhook: Webhook, **values: Any) -> None:
        if not store.change(connection, webhook, updated_at=self._clock.now(), **values):
            raise Precondition("the webhook was changed by somebody else", code="revision_changed")

    def _check_url(self, url: str) -> None:
        validate_url(url)
        refusal = self._receivers.refusal(url)
        if refusal is not None:
            raise Invalid(f"url: {refusal}", code="webhook_url_refused", field="url")

    def _record(self, connection: Connection, principal: Principal, action: str, webhook: Webhook, **what: Any) -> None:
        self._audit.record(connection, principal=principal, action=action, subject=webhook.subject, **what)


def _audit_fields(webhook: Webhook) -> dict[str, object]:
    return {
        "receiver": origin_of(webhook.url),
        "event_types": list(webhook.event_types),
        "status": webhook.status,
        "description": webhook.description,
    }
