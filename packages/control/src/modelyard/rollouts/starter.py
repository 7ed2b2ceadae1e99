"""Starts a roll-out with a promotion: it listens to the audit log, and writes in the transaction that promotes."""

import re

from sqlalchemy import Connection

from modelyard.audit.domain import Entry
from modelyard.audit.service import AuditLog
from modelyard.deployments.service import ready_versions
from modelyard.principals import Principal, Role
from modelyard.registry.states import Stage
from modelyard.rollouts import plan_store, store
from modelyard.rollouts.book import RolloutBook
from modelyard.traffic.service import is_divided_by_hand

_VERSION = re.compile(r"models/(?P<model>.+)/versions/(?P<version>\d+)")
_ROLLBACK = "rollback from "


class RolloutStarter:
    """A listener of the audit log.

    A promotion of a model that has a plan is rolled out, so that its version does not take all requests at once. Where
    no former version serves, or where the promotion belongs to a roll-out or goes back to a former version, nothing is
    started, and all requests go to the version in production at once. Where somebody has divided the model's requests
    by hand, that split holds, and the log says that nothing was started.
    """

    def __init__(self, *, audit: AuditLog, book: RolloutBook) -> None:
        self._audit = audit
        self._book = book

    def on_entry(self, connection: Connection, entry: Entry) -> None:
        """Start a roll-out if this entry is of a promotion that shall be rolled out."""
        found = _VERSION.fullmatch(entry.subject) if entry.action == f"version.{Stage.PRODUCTION}" else None
        if found is None or entry.reason.startswith(_ROLLBACK):
            return
        model_name = found["model"]
        stored = plan_store.find(connection, entry.tenant_id, model_name)
        if stored is None or store.under_way(connection, entry.tenant_id, model_name) is not None:
            return
        former = self._archived_with(connection, entry, model_name)
        if former not in ready_versions(connection, entry.tenant_id, model_name):
            return
        owner = Principal(tenant_id=entry.tenant_id, subject=entry.actor, role=Role.DEVELOPER)
        if is_divided_by_hand(connection, entry.tenant_id, model_name):
            self._audit.record(
                connection,
                principal=owner,
                action="rollout.not_started",
                subject=entry.subject,
                reason="the requests of the model are divided by hand, and go on so",
            )
            return
        self._book.start(
            connection,
            owner,
            model_name,
            stored.plan,
            former=former,
            candidate=int(found["version"]),
            is_promoted=True,
        )

    def _archived_with(self, connection: Connection, entry: Entry, model_name: str) -> int | None:
        """The version whose place the promoted one took: its entry is the one before."""
        archived = self._audit.latest(
            connection,
            entry.tenant_id,
            action=f"version.{Stage.ARCHIVED}",
            subject_prefix=f"models/{model_name}/versions/",
        )
        before = next(iter(archived), None)
        if before is None or before.sequence != entry.sequence - 1:
            return None
        found = _VERSION.fullmatch(before.subject)
        return None if found is None else int(found["version"])
