"""Moves versions between stages: the one place where a version's stage changes, inside the caller's transaction."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.errors import Conflict, Precondition
from modelyard.outbox.service import Outbox
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry import store
from modelyard.registry.domain import StagedVersion, Version, refuse_deleting
from modelyard.registry.search_index.rows import index_version_stage
from modelyard.registry.states import TRANSITIONS, Stage

MIRROR_TOPIC = "registry.mirror_version"
AfterMove = Callable[[Connection, Principal, Version], None]
"""Follows each move, with the version as it is then, in the same transaction."""


def versions_in_stages(connection: Connection) -> list[StagedVersion]:
    """Every version that is in production or in staging, of all tenants."""
    return store.versions_in_stages(connection)


class StageMover:
    """Checks the table of transitions, writes the stage, the audit entry and the mirror's message."""

    def __init__(
        self, *, clock: Clock, audit: AuditLog, outbox: Outbox, after_move: AfterMove = lambda *_: None
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._outbox = outbox
        self._after_move = after_move

    def lock(self, connection: Connection, principal: Principal, model_name: str) -> None:
        """Hold the model until the transaction ends, so that what is read after this is still so when it is written."""
        store.touch_model(connection, principal.tenant_id, model_name, at=self._clock.now())

    def current(self, connection: Connection, principal: Principal, model_name: str) -> Version | None:
        """The version in production."""
        return store.version_in(connection, principal.tenant_id, model_name, Stage.PRODUCTION)

    def move(
        self,
        connection: Connection,
        principal: Principal,
        version: Version,
        to: Stage,
        *,
        reason: str,
        evidence: Mapping[str, Any] | None = None,
    ) -> Version:
        """Move the version. To production: the version that is there is archived in the same transaction.

        `evidence` is what a rule decided by, as JSON, for the audit entry.

        Raises:
            Conflict: code `stage_transition_refused`, when the table does not allow it; `version_deleting`.
            Precondition: code `revision_changed`, when somebody else changed the version since it was read.
        """
        refuse_deleting(version)
        if to not in TRANSITIONS[version.stage]:
            allowed = ", ".join(sorted(TRANSITIONS[version.stage]))
            raise Conflict(
                f"version {version.version} of '{version.model_name}' is in stage {version.stage}: it can go to "
                f"{allowed}, not to {to}",
                code="stage_transition_refused",
                field="stage",
            )
        self.lock(connection, principal, version.model_name)
        if to is Stage.PRODUCTION:
            former = self.current(connection, principal, version.model_name)
            if former is not None:
                self._write(
                    connection, principal, former, Stage.ARCHIVED, reason=f"version {version.version} took its place"
                )
        return self._write(connection, principal, version, to, reason=reason, evidence=evidence)

    def _write(
        self,
        connection: Connection,
        principal: Principal,
        version: Version,
        to: Stage,
        *,
        reason: str,
        evidence: Mapping[str, Any] | None = None,
    ) -> Version:
        if not store.change_version(connection, version, stage=to):
            raise Precondition(
                f"version {version.version} of '{version.model_name}' was changed by somebody else",
                code="revision_changed",
            )
        index_version_stage(
            connection, version.tenant_id, version.model_name, version.version, before=version.stage, to=to
        )
        self._audit.record(
            connection,
            principal=principal,
            action=f"version.{to}",
            subject=version.subject,
            reason=reason,
            before={"stage": version.stage},
            after={"stage": to, **(evidence or {})},
        )
        self.announce(connection, version)
        moved = store.find_version(connection, version.tenant_id, version.model_name, version.version)
        if moved is None:
            raise AssertionError("the version was just written")
        self._after_move(connection, principal, moved)
        return moved

    def announce(self, connection: Connection, version: Version) -> None:
        """Have the tracker's mirror brought up to date."""
        self._outbox.put(
            connection,
            tenant_id=version.tenant_id,
            topic=MIRROR_TOPIC,
            payload={
                "tenant_id": version.tenant_id,
                "model_name": version.model_name,
                "version": version.version,
            },
        )
