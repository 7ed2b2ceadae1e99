"""The verbs of promotion: ask, approve, reject, withdraw, go back; and the stages that need no approval."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.access.domain import Principal
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Forbidden, Invalid, NotFound, Precondition
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.promotion import store
from modelyard.promotion.automation import AutoStaging
from modelyard.promotion.domain import Approval, Request, evidence_digest
from modelyard.promotion.policy import Finding, Policy, check_policy, evaluate, refusal_to_approve
from modelyard.promotion.states import TRANSITIONS, RequestStatus
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover
from modelyard.registry.states import Stage


class PromotionService:
    """Policies, requests and stages of all tenants.

    Every verb that changes something takes the revision that the caller saw, if it saw one; a stale one is refused with
    Precondition (code `revision_changed`), so of two at once exactly one wins and the other is told.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        registry: RegistryService,
        mover: StageMover,
        auto_staging: AutoStaging,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry
        self._mover = mover
        self._auto_staging = auto_staging
        self._audit = audit

    def policy(self, principal: Principal, model_name: str) -> tuple[Policy, int]:
        """The model's policy and its revision."""
        self._registry.model(principal, model_name)
        with self._database.read() as connection:
            return store.find_policy(connection, principal.tenant_id, model_name)

    def set_policy(
        self, principal: Principal, model_name: str, policy: Policy, *, revision: int | None
    ) -> tuple[Policy, int]:
        """Put a policy in place of the one before. Open requests of the model expire with their evidence.

        Raises:
            Invalid: code `direction_unknown`.
        """
        check_policy(policy)
        self._registry.model(principal, model_name)
        with self._database.write() as connection:
            self._mover.lock(connection, principal, model_name)
            before, current = store.find_policy(connection, principal.tenant_id, model_name)
            _check_revision(revision, current)
            store.put_policy(
                connection,
                principal.tenant_id,
                model_name,
                policy,
                revision=current + 1,
                at=self._clock.now(),
                by=principal.subject,
            )
            self._audit.record(
                connection,
                principal=principal,
                action="policy.changed",
                subject=f"models/{model_name}/policy",
                before=asdict(before),
                after=asdict(policy),
            )
            self._expire_stale(connection, principal, model_name)
        return policy, current + 1

    def record_check(
        self, principal: Principal, version: Version, *, name: str, is_passed: bool, details: str
    ) -> Mapping[str, bool]:
        """Record that the version passed a check, or did not, which may send it to staging. Gives all its checks."""
        with self._database.write() as connection:
            self._mover.lock(connection, principal, version.model_name)
            store.put_check(
                connection,
                version,
                name=name,
                is_passed=is_passed,
                details=details,
                at=self._clock.now(),
                by=principal.subject,
            )
            self._audit.record(
                connection,
                principal=principal,
                action="check.recorded",
                subject=version.subject,
                reason=details,
                after={"check": name, "is_passed": is_passed},
            )
            self._expire_stale(connection, principal, version.model_name)
            now = self._registry.version_within(connection, principal, version.model_name, version.version)
            self._auto_staging.apply(connection, now)
            return store.checks_of(connection, version)

    def findings(self, principal: Principal, version: Version) -> tuple[Finding, ...]:
        """What the policy says of a version now."""
        with self._database.read() as connection:
            policy, _ = store.find_policy(connection, principal.tenant_id, version.model_name)
            return self._findings(connection, principal, policy, version)

    def change_stage(
        self, principal: Principal, version: Version, to: Stage, *, comment: str, revision: int | None
    ) -> Version:
        """Move a version to a stage that needs no approval.

        Raises:
            Invalid: code `approval_needed`, for production.
            Conflict, Precondition: see `StageMover.move`.
        """
        if to is Stage.PRODUCTION:
            raise Invalid("stage: production needs an approved request", code="approval_needed", field="stage")
        _check_revision(revision, version.revision)
        with self._database.write() as connection:
            moved = self._mover.move(connection, principal, version, to, reason=comment)
            self._expire_stale(connection, principal, version.model_name)
            return moved

    def request(self, principal: Principal, version: Version, *, comment: str, revision: int | None = None) -> Request:
        """Ask that a version in staging go to production. Asked again: the open request.

        Raises:
            Conflict: code `stage_transition_refused`, when the version is not in staging; `version_deleting`.
        """
        _check_revision(revision, version.revision)
        if version.stage is not Stage.STAGING:
            raise Conflict(
                f"version {version.version} of '{version.model_name}' is in stage {version.stage}: only a version in "
                "staging can be asked into production",
                code="stage_transition_refused",
                field="stage",
            )
        now = self._clock.now()
        with self._database.write() as connection:
            self._mover.lock(connection, principal, version.model_name)
            self._registry.staying_within(connection, principal, version.model_name, version.version)
            self._expire_stale(connection, principal, version.model_name)
            if (open_request := store.find_open(connection, version)) is not None:
                return open_request
            policy, _ = store.find_policy(connection, principal.tenant_id, version.model_name)
            production = self._mover.current(connection, principal, version.model_name)
            request = Request(
                request_id=f"req-{uuid4().hex}",
                tenant_id=principal.tenant_id,
                model_name=version.model_name,
                version=version.version,
                status=RequestStatus.REQUESTED,
                comment=comment,
                requested_by=principal.subject,
                requested_at=now,
                expires_at=now + timedelta(hours=policy.expires_after_hours),
                findings=self._findings(connection, principal, policy, version),
                evidence_digest=_digest(connection, policy, version, production=production),
                needed_approvals=policy.needed_approvals,
                approvals=(),
                decided_by=None,
                decided_at=None,
                reason=None,
                revision=1,
            )
            store.add(connection, request)
            self._record(connection, principal, "request.requested", request, reason=comment)
            return request

    def approve(
        self, principal: Principal, model_name: str, request_id: str, *, comment: str, revision: int | None
    ) -> Request:
        """Agree. With the last approval that is needed the version goes to production and the former is archived.

        Raises:
            Forbidden: code `approval_refused`, for the requester, for somebody whom the policy does not name, and for
                a second time.
            Conflict: code `request_closed`, `evidence_changed` (the request has then expired) or `policy_not_met`.
        """
        with self._database.write() as connection:
            request, policy, version = self._open(connection, principal, model_name, request_id, revision)
            if request.is_open:
                self._agree(connection, principal, request, policy, version, comment=comment)
            request = self._find(connection, principal, model_name, request_id)
        # The expiry is kept, although the approval is refused: so it is told only after the transaction.
        if request.status is RequestStatus.EXPIRED:
            raise Conflict(f"the request has expired: {request.reason}", code="evidence_changed")
        return request

    def reject(
        self, principal: Principal, model_name: str, request_id: str, *, comment: str, revision: int | None
    ) -> Request:
        """Say no. Whoever may approve may say no."""
        return self._close(
            principal, model_name, request_id, RequestStatus.REJECTED, comment=comment, revision=revision
        )

    def withdraw(
        self, principal: Principal, model_name: str, request_id: str, *, comment: str, revision: int | None
    ) -> Request:
        """Take one's own request back.

        Raises:
            Forbidden: code `not_the_requester`.
        """
        return self._close(
            principal, model_name, request_id, RequestStatus.WITHDRAWN, comment=comment, revision=revision
        )

    def rollback(self, principal: Principal, model_name: str, *, comment: str) -> Version:
        """Put the version that was in production before back there; the present one is archived.

        It was approved when it came there, and its files are immutable, so it needs no new approval.

        Raises:
            Conflict: code `nothing_to_roll_back_to`.
        """
        self._registry.model(principal, model_name)
        with self._database.write() as connection:
            self._mover.lock(connection, principal, model_name)
            current = self._mover.current(connection, principal, model_name)
            former = self._registry.former_production(connection, principal, model_name)
            if former is None:
                raise Conflict(
                    f"model '{model_name}' has no version that was in production before", code="nothing_to_roll_back_to"
                )
            source = "none" if current is None else f"version {current.version}"
            reason = f"rollback from {source}: {comment}"
            staged = self._mover.move(connection, principal, former, Stage.STAGING, reason=reason)
            restored = self._mover.move(connection, principal, staged, Stage.PRODUCTION, reason=reason)
            self._expire_stale(connection, principal, model_name)
            return restored

    def get(self, principal: Principal, model_name: str, request_id: str) -> Request:
        """One request.

        Raises:
            NotFound: code `request_not_found`.
        """
        with self._database.read() as connection:
            return self._find(connection, principal, model_name, request_id)

    def open_within(self, connection: Connection, tenant_id: str, model_name: str) -> list[Request]:
        """The requests of a model that wait for a decision, in the caller's transaction."""
        now = self._clock.now()
        return [
            request for request in store.open_requests(connection, tenant_id, model_name) if now < request.expires_at
        ]

    def page(
        self,
        principal: Principal,
        *,
        model_name: str | None = None,
        status: RequestStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Request]:
        """Requests of the caller's tenant, newest first."""
        with self._database.read() as connection:
            return store.page(
                connection, principal.tenant_id, model_name=model_name, status=status, limit=limit, cursor=cursor
            )

    def _agree(
        self,
        connection: Connection,
        principal: Principal,
        request: Request,
        policy: Policy,
        version: Version,
        *,
        comment: str,
    ) -> None:
        refusal = refusal_to_approve(
            policy,
            subject=principal.subject,
            requester=request.requested_by,
            approvers=[approval.subject for approval in request.approvals],
        )
        if refusal is not None:
            raise Forbidden(f"this approval is refused: {refusal}", code="approval_refused")
        unmet = [finding.message for finding in request.findings if not finding.is_met]
        if unmet:
            raise Conflict(f"the model's policy is not met: {'; '.join(unmet)}", code="policy_not_met")
        now = self._clock.now()
        store.add_approval(connection, request.request_id, Approval(principal.subject, now, comment))
        self._record(connection, principal, "request.approval_given", request, reason=comment)
        if len(request.approvals) + 1 < request.needed_approvals:
            store.change(connection, request)
            return
        self._move(connection, principal, request, RequestStatus.APPROVED, reason=comment)
        self._mover.move(connection, principal, version, Stage.PRODUCTION, reason=request.comment)
        self._expire_stale(connection, principal, request.model_name)

    def _close(
        self,
        principal: Principal,
        model_name: str,
        request_id: str,
        status: RequestStatus,
        *,
        comment: str,
        revision: int | None,
    ) -> Request:
        with self._database.write() as connection:
            request, _, _ = self._open(connection, principal, model_name, request_id, revision)
            if request.is_open:
                if status is RequestStatus.WITHDRAWN and principal.subject != request.requested_by:
                    raise Forbidden("only who made a request can withdraw it", code="not_the_requester")
                self._move(connection, principal, request, status, reason=comment)
            return self._find(connection, principal, model_name, request_id)

    def _open(
        self, connection: Connection, principal: Principal, model_name: str, request_id: str, revision: int | None
    ) -> tuple[Request, Policy, Version]:
        """The request with its policy and version, locked; expired by this call if its evidence has changed."""
        self._mover.lock(connection, principal, model_name)
        request = self._find(connection, principal, model_name, request_id)
        if not request.is_open:
            raise Conflict(f"the request is {request.status}: it was decided before", code="request_closed")
        _check_revision(revision, request.revision)
        self._expire_stale(connection, principal, model_name)
        policy, _ = store.find_policy(connection, principal.tenant_id, model_name)
        version = self._registry.version_within(connection, principal, model_name, request.version)
        return self._find(connection, principal, model_name, request_id), policy, version

    def _expire_stale(self, connection: Connection, principal: Principal, model_name: str) -> None:
        """Expire every open request of the model whose time is over or whose evidence is not what was looked at."""
        policy, _ = store.find_policy(connection, principal.tenant_id, model_name)
        production = self._mover.current(connection, principal, model_name)
        for request in store.open_requests(connection, principal.tenant_id, model_name):
            version = self._registry.version_within(connection, principal, model_name, request.version)
            reason = None
            if self._clock.now() >= request.expires_at:
                reason = "nobody decided it in time"
            elif version.stage is not Stage.STAGING:
                reason = f"the version is in stage {version.stage} now"
            elif _digest(connection, policy, version, production=production) != request.evidence_digest:
                reason = "the evidence has changed since it was made"
            if reason is not None:
                self._move(connection, principal, request, RequestStatus.EXPIRED, reason=reason)

    def _move(
        self, connection: Connection, principal: Principal, request: Request, status: RequestStatus, *, reason: str
    ) -> None:
        """The one place where a request's status changes."""
        if status not in TRANSITIONS[request.status]:
            raise Conflict(f"the request is {request.status}: it was decided before", code="request_closed")
        changed = store.change(
            connection,
            request,
            status=status,
            reason=reason,
            decided_by=principal.subject,
            decided_at=self._clock.now(),
        )
        if not changed:
            raise Precondition("the request was changed by somebody else", code="revision_changed")
        self._record(connection, principal, f"request.{status}", request, reason=reason)

    def _findings(
        self, connection: Connection, principal: Principal, policy: Policy, version: Version
    ) -> tuple[Finding, ...]:
        production = self._mover.current(connection, principal, version.model_name)
        return evaluate(policy, version, production=production, checks=store.checks_of(connection, version))

    def _record(
        self, connection: Connection, principal: Principal, action: str, request: Request, *, reason: str
    ) -> None:
        self._audit.record(
            connection,
            principal=principal,
            action=action,
            subject=request.subject,
            reason=reason,
            after={"version": request.version},
        )

    @staticmethod
    def _find(connection: Connection, principal: Principal, model_name: str, request_id: str) -> Request:
        request = store.find(connection, principal.tenant_id, model_name, request_id)
        if request is None:
            raise NotFound(f"model '{model_name}' has no request '{request_id}'", code="request_not_found")
        return request


def _digest(connection: Connection, policy: Policy, version: Version, *, production: Version | None) -> str:
    return evidence_digest(policy, version, production=production, checks=store.checks_of(connection, version))


def _check_revision(expected: int | None, current: int) -> None:
    if expected is not None and expected != current:
        raise Precondition(
            f"If-Match: expected revision {expected}, but it is at revision {current} now", code="revision_changed"
        )
