"""The verbs on members of one's own tenant. Nobody gives more than they have, and a tenant keeps an administrator."""

from typing import Any

from sqlalchemy import Connection

from modelyard.access import store, token_store
from modelyard.access.domain import Member, MemberKind, validate_subject
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Forbidden, NotFound
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal, Role


class Members:
    """Members of all tenants; each verb sees those of the caller's."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    def page(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[Member]:
        """Members by subject."""
        with self._database.read() as connection:
            return store.page_of_members(connection, principal.tenant_id, limit=limit, cursor=cursor)

    def add(self, principal: Principal, *, subject: str, kind: MemberKind, role: Role) -> Member:
        """Let somebody be a member. Whoever was removed comes back without their former tokens.

        Raises:
            Invalid: code `subject_invalid`.
            Forbidden: code `role_exceeds_caller`.
            Conflict: code `member_exists`.
        """
        validate_subject(subject, field="subject")
        _refuse_more_than_own(principal, role)
        member = Member(
            tenant_id=principal.tenant_id,
            subject=subject,
            kind=kind,
            role=role,
            created_at=self._clock.now(),
            created_by=principal.subject,
        )
        with self._database.write() as connection:
            if not store.put_member(connection, member):
                raise Conflict(f"'{subject}' is a member already", code="member_exists", field="subject")
            self._record(connection, principal, "member.added", member, after={"kind": kind, "role": role})
        return member

    def change_role(self, principal: Principal, subject: str, role: Role) -> Member:
        """Give a member another role, which counts from its next request on.

        Raises:
            NotFound: code `member_not_found`.
            Forbidden: code `role_exceeds_caller`.
            Conflict: code `last_admin`.
        """
        _refuse_more_than_own(principal, role)
        with self._database.write() as connection:
            member = self._locked(connection, principal, subject)
            if role is member.role:
                return member
            self._keep_an_admin(connection, member)
            store.change_member(connection, member, role=role)
            self._record(
                connection, principal, "member.role_changed", member, before={"role": member.role}, after={"role": role}
            )
            return self._find(connection, principal, subject)

    def remove(self, principal: Principal, subject: str) -> None:
        """End a membership, and with it all of the member's tokens.

        Raises:
            NotFound: code `member_not_found`.
            Conflict: code `last_admin`.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            member = self._locked(connection, principal, subject)
            self._keep_an_admin(connection, member)
            revoked = token_store.revoke(connection, principal.tenant_id, at=now, token_id=None, subject=subject)
            store.change_member(connection, member, removed_at=now)
            self._record(
                connection,
                principal,
                "member.removed",
                member,
                before={"role": member.role},
                after={"revoked_tokens": revoked},
            )

    def _locked(self, connection: Connection, principal: Principal, subject: str) -> Member:
        """The member; changes of one tenant's members come one after the other."""
        store.lock_tenant(connection, principal.tenant_id)
        return self._find(connection, principal, subject)

    @staticmethod
    def _find(connection: Connection, principal: Principal, subject: str) -> Member:
        member = store.find_member(connection, principal.tenant_id, subject)
        if member is None or member.removed_at is not None:
            raise NotFound(f"there is no member '{subject}'", code="member_not_found")
        return member

    @staticmethod
    def _keep_an_admin(connection: Connection, member: Member) -> None:
        if member.role is Role.ADMIN and store.count_admins(connection, member.tenant_id) == 1:
            raise Conflict(
                f"'{member.subject}' is the only administrator: make another member one first", code="last_admin"
            )

    def _record(self, connection: Connection, principal: Principal, action: str, member: Member, **states: Any) -> None:
        self._audit.record(connection, principal=principal, action=action, subject=member.path, **states)


def _refuse_more_than_own(principal: Principal, role: Role) -> None:
    given = Principal(tenant_id=principal.tenant_id, subject=principal.subject, role=role).permissions
    if not given <= principal.permissions:
        missing = ", ".join(sorted(given - principal.permissions))
        raise Forbidden(
            f"the role '{role}' carries what you do not have yourself, so you cannot give it: {missing}",
            code="role_exceeds_caller",
            field="role",
        )
