"""The verbs of promotion: ask, approve, reject, withdraw, go back; and the stages that need no approval."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.errors import Conflict, Forbidden, Invalid
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.promotion import store
from modelyard.promotion.book import RequestBook
from modelyard.promotion.domain import Approval, Request
from modelyard.promotion.party import Party
from modelyard.promotion.policy import refusal_to_approve
from modelyard.promotion.states import RequestStatus
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover
from modelyard.registry.states import Stage
from modelyard.revision import check_revision


class PromotionService:
    """Requests and stages of all tenants.

    Every verb that changes something takes the revision that the caller saw, if it saw one; a stale one is refused with
    Precondition (code `revision_changed`), so of two concurrent calls exactly one succeeds and the other fails.
    """

    def __init__(
        self, *, database: Database, clock: Clock, registry: RegistryService, mover: StageMover, book: RequestBook
    ) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry
        self._mover = mover
        self._book = book

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
        check_revision(revision, version.revision, subject=version.subject)
        with self._database.write() as connection:
            moved = self._mover.move(connection, principal, version, to, reason=comment)
            self._book.expire_stale(connection, principal, version.model_name)
            return moved

    def request(self, principal: Principal, version: Version, *, comment: str, revision: int | None = None) -> Request:
        """Ask that a version in staging go to production. Asked again: the open request.

        Raises:
            Conflict: code `stage_transition_refused`, when the version is not in staging; `version_deleting`.
        """
        with self._database.write() as connection:
            self._mover.lock(connection, principal, version.model_name)
            current = self._registry.get_not_deleting(connection, principal, version.model_name, version.version)
            check_revision(revision, current.revision, subject=current.subject)
            _refuse_unstaged(current)
            self._book.expire_stale(connection, principal, current.model_name)
            if (open_request := store.find_open(connection, current)) is not None:
                return open_request
            request = self._new_request(connection, principal, current, comment=comment)
            store.add(connection, request)
            self._book.record(connection, principal, "request.requested", request, reason=comment)
            return request

    def approve(
        self, principal: Principal, model_name: str, request_id: str, *, comment: str, revision: int | None
    ) -> Request:
        """Agree. With the last approval that is needed the version goes to production and the former is archived.

        Raises:
            Forbidden: code `approval_refused`, for the requester, for somebody whom the policy does not name, for a
                second time, and for who made the credential of another who takes part, or the other way round.
            Conflict: code `request_closed`, `evidence_changed` (the request has then expired) or `policy_not_met`.
        """
        with self._database.write() as connection:
            request = self._open(connection, principal, model_name, request_id, revision)
            if request.is_open:
                self._agree(connection, principal, request, comment=comment)
            request = self._book.find(connection, principal, model_name, request_id)
        # The expiry is committed, although the approval is rejected: so the error is raised after the transaction.
        if request.status is RequestStatus.EXPIRED:
            raise Conflict(f"the request has expired: {request.reason}", code="evidence_changed")
        return request

    def reject(
        self, principal: Principal, model_name: str, request_id: str, *, comment: str, revision: int | None
    ) -> Request:
        """Say no. Whoever may approve may say no.

        Raises:
            Conflict: code `request_closed`, also of a request that has expired unnoticed.
        """
        return self._close(
            principal, model_name, request_id, RequestStatus.REJECTED, comment=comment, revision=revision
        )

    def withdraw(
        self, principal: Principal, model_name: str, request_id: str, *, comment: str, revision: int | None
    ) -> Request:
        """Take one's own request back.

        Raises:
            Forbidden: code `not_the_requester`.
            Conflict: code `request_closed`, also of a request that has expired unnoticed.
        """
        return self._close(
            principal, model_name, request_id, RequestStatus.WITHDRAWN, comment=comment, revision=revision
        )

    def rollback(self, principal: Principal, model_name: str, *, comment: str, revision: int | None = None) -> Version:
        """Put the version that was in production before back there; the present one is archived.

        It was approved when it came there, and its files are immutable, so it needs no new approval. `revision` is the
        model's: without it, of two that go back at once the second undoes the first.

        Raises:
            NotFound: code `model_not_found`.
            Conflict: code `nothing_to_roll_back_to`.
        """
        with self._database.write() as connection:
            held = self._registry.lock_model(connection, principal, model_name)
            check_revision(revision, held.revision, subject=held.subject)
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
            self._book.expire_stale(connection, principal, model_name)
            return restored

    def get(self, principal: Principal, model_name: str, request_id: str) -> Request:
        """One request.

        Raises:
            NotFound: code `request_not_found`.
        """
        with self._database.read() as connection:
            return self._book.find(connection, principal, model_name, request_id)

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

    def _new_request(self, connection: Connection, principal: Principal, version: Version, *, comment: str) -> Request:
        now = self._clock.now()
        policy, _ = store.find_policy(connection, principal.tenant_id, version.model_name)
        return Request(
            request_id=f"req-{uuid4().hex}",
            tenant_id=principal.tenant_id,
            model_name=version.model_name,
            version=version.version,
            status=RequestStatus.REQUESTED,
            comment=comment,
            requested_by=principal.subject,
            requested_at=now,
            expires_at=now + timedelta(hours=policy.expires_after_hours),
            findings=self._book.findings(connection, principal, policy, version),
            evidence_digest=self._book.digest(connection, principal, policy, version),
            needed_approvals=policy.needed_approvals,
            approvals=(),
            decided_by=None,
            decided_at=None,
            reason=None,
            revision=1,
            made_by=principal.made_by,
        )

    def _open(
        self, connection: Connection, principal: Principal, model_name: str, request_id: str, revision: int | None
    ) -> Request:
        """The request, locked; expired by this call if its evidence has changed."""
        self._mover.lock(connection, principal, model_name)
        request = self._book.find(connection, principal, model_name, request_id)
        if not request.is_open:
            raise Conflict(request.end, code="request_closed")
        check_revision(revision, request.revision, subject=request.subject)
        self._book.expire_stale(connection, principal, model_name)
        return self._book.find(connection, principal, model_name, request_id)

    def _agree(self, connection: Connection, principal: Principal, request: Request, *, comment: str) -> None:
        policy, _ = store.find_policy(connection, principal.tenant_id, request.model_name)
        # Whoever is alone at this machine decides alone, and the log says so.
        refusal = (
            None
            if principal.is_local
            else refusal_to_approve(
                policy,
                by=Party.of(principal),
                requester=request.requester,
                approvers=[approval.party for approval in request.approvals],
            )
        )
        if refusal is not None:
            raise Forbidden(f"this approval is refused: {refusal}", code="approval_refused")
        unmet = [finding.message for finding in request.findings if not finding.is_met]
        if unmet:
            raise Conflict(f"the model's policy is not met: {'; '.join(unmet)}", code="policy_not_met")
        now = self._clock.now()
        store.add_approval(connection, request.request_id, Approval(principal.subject, now, comment, principal.made_by))
        self._book.record(connection, principal, "request.approval_given", request, reason=comment)
        if not principal.is_local and len(request.approvals) + 1 < request.needed_approvals:
            self._book.change(connection, request)
            return
        self._book.move(connection, principal, request, RequestStatus.APPROVED, reason=comment)
        version = self._registry.version_within(connection, principal, request.model_name, request.version)
        self._mover.move(connection, principal, version, Stage.PRODUCTION, reason=request.comment)
        self._book.expire_stale(connection, principal, request.model_name)

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
            request = self._open(connection, principal, model_name, request_id, revision)
            if request.is_open:
                if status is RequestStatus.WITHDRAWN and principal.subject != request.requested_by:
                    raise Forbidden("only who made a request can withdraw it", code="not_the_requester")
                self._book.move(connection, principal, request, status, reason=comment)
            request = self._book.find(connection, principal, model_name, request_id)
        # As for an approval: the expiry is committed, so the error is raised after the transaction.
        if request.status is RequestStatus.EXPIRED:
            raise Conflict(request.end, code="request_closed")
        return request


def _refuse_unstaged(version: Version) -> None:
    if version.stage is not Stage.STAGING:
        raise Conflict(
            f"version {version.version} of '{version.model_name}' is in stage {version.stage}: only a version in "
            "staging can be asked into production",
            code="stage_transition_refused",
            field="stage",
        )
