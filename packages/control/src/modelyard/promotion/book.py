"""The requests of a model as one transaction sees them: what they stand on, what has become stale, and every move."""

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.errors import Conflict, NotFound, Precondition
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.promotion import store
from modelyard.promotion.domain import Request, evidence_digest
from modelyard.promotion.policy import Finding, Policy, evaluate
from modelyard.promotion.states import TRANSITIONS, RequestStatus
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover
from modelyard.registry.states import Stage


class RequestBook:
    """Every call works in the caller's transaction. Who writes holds the model first (`StageMover.lock`)."""

    def __init__(self, *, clock: Clock, registry: RegistryService, mover: StageMover, audit: AuditLog) -> None:
        self._clock = clock
        self._registry = registry
        self._mover = mover
        self._audit = audit

    def find(self, connection: Connection, principal: Principal, model_name: str, request_id: str) -> Request:
        """One request.

        Raises:
            NotFound: code `request_not_found`.
        """
        request = store.find(connection, principal.tenant_id, model_name, request_id)
        if request is None:
            raise NotFound(f"model '{model_name}' has no request '{request_id}'", code="request_not_found")
        return request

    def findings(
        self, connection: Connection, principal: Principal, policy: Policy, version: Version
    ) -> tuple[Finding, ...]:
        """What a policy says of a version now."""
        production = self._mover.current(connection, principal, version.model_name)
        return evaluate(policy, version, production=production, checks=store.checks_of(connection, version))

    def digest(self, connection: Connection, principal: Principal, policy: Policy, version: Version) -> str:
        """SHA-256 over all that an approver of this version looks at now."""
        production = self._mover.current(connection, principal, version.model_name)
        return _digest(connection, policy, version, production=production)

    def expire_stale(self, connection: Connection, principal: Principal, model_name: str) -> None:
        """Expire every open request of the model whose time is over or whose evidence is not what was looked at."""
        requests = store.open_requests(connection, principal.tenant_id, model_name)
        if not requests:
            return
        policy, _ = store.find_policy(connection, principal.tenant_id, model_name)
        production = self._mover.current(connection, principal, model_name)
        numbers = [request.version for request in requests]
        versions = self._registry.find_versions(principal, model_name, numbers, connection=connection)
        for request in requests:
            version = versions.get(request.version)
            reason = self._staleness(connection, request, policy, version, production=production)
            if reason is not None:
                self.move(connection, principal, request, RequestStatus.EXPIRED, reason=reason)

    def move(
        self, connection: Connection, principal: Principal, request: Request, status: RequestStatus, *, reason: str
    ) -> None:
        """The one place where a request's status changes.

        Raises:
            Conflict: code `request_closed`.
            Precondition: code `revision_changed`.
        """
        if status not in TRANSITIONS[request.status]:
            raise Conflict(request.end, code="request_closed")
        self.change(
            connection,
            request,
            status=status,
            reason=reason,
            decided_by=principal.subject,
            decided_at=self._clock.now(),
        )
        self.record(connection, principal, f"request.{status}", request, reason=reason)

    @staticmethod
    def change(connection: Connection, request: Request, **values: object) -> None:
        """Write some columns of a request, and count its revision up.

        Raises:
            Precondition: code `revision_changed`, when somebody else changed it since it was read.
        """
        if not store.change(connection, request, **values):
            raise Precondition("the request was changed by somebody else", code="revision_changed")

    def record(
        self, connection: Connection, principal: Principal, action: str, request: Request, *, reason: str
    ) -> None:
        """Leave a request's entry in the audit log."""
        after: dict[str, object] = {"version": request.version}
        if principal.made_by:
            after["credential_made_by"] = sorted(principal.made_by)
        self._audit.record(
            connection, principal=principal, action=action, subject=request.subject, reason=reason, after=after
        )

    def _staleness(
        self,
        connection: Connection,
        request: Request,
        policy: Policy,
        version: Version | None,
        *,
        production: Version | None,
    ) -> str | None:
        """Why an open request can be decided no more; None when it can."""
        if version is None:
            return "the version is deleted"
        if self._clock.now() >= request.expires_at:
            return "nobody decided it in time"
        if version.stage is not Stage.STAGING:
            return f"the version is in stage {version.stage} now"
        if _digest(connection, policy, version, production=production) != request.evidence_digest:
            return "the evidence has changed since it was made"
        return None


def _digest(connection: Connection, policy: Policy, version: Version, *, production: Version | None) -> str:
    return evidence_digest(policy, version, production=production, checks=store.checks_of(connection, version))
