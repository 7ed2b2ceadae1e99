"""The verbs on tokens: make, list, revoke. A secret leaves once, when its token is made, and is never stored."""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.access import store, token_store
from modelyard.access.domain import Member, Token, new_token_secret, token_digest, validate_subject
from modelyard.access.limits import lock_quotas
from modelyard.access.quotas import Resource
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Forbidden, Invalid, NotFound
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Permission, Principal


class Tokens:
    """Tokens of all tenants. A caller sees its own; one with `members:write` those of its tenant."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    def create(
        self,
        principal: Principal,
        *,
        subject: str | None = None,
        name: str,
        scopes: AbstractSet[Permission] | None = None,
        lifetime: timedelta | None = None,
    ) -> tuple[Token, str]:
        """A new token of a member, and its secret. It never carries more than the caller has.

        Args:
            subject: whose it is; the caller's own without one.
            scopes: what it is narrowed to; the member's whole role without them.
            lifetime: how long it opens the door; until it is revoked without one.

        Raises:
            NotFound: code `member_not_found`.
            Invalid: code `scope_outside_role`.
            Forbidden: code `permission_missing` or `scopes_exceed_caller`.
            Conflict: code `quota_exceeded`.
        """
        subject = principal.subject if subject is None else subject
        if subject != principal.subject and not principal.may(Permission.MEMBERS_WRITE):
            raise Forbidden(
                f"a token of another member needs the permission '{Permission.MEMBERS_WRITE}', which {principal.title} "
                "does not have",
                code="permission_missing",
            )
        with self._database.write() as connection:
            quotas = lock_quotas(connection, principal.tenant_id)
            member = store.find_member(connection, principal.tenant_id, subject)
            if member is None or member.removed_at is not None:
                raise NotFound(f"there is no member '{subject}'", code="member_not_found")
            narrowed = None if scopes is None else frozenset(scopes)
            _check_scopes(principal, member, narrowed)
            token, secret = self._new(principal, member, name=name, scopes=narrowed, lifetime=lifetime)
            self._add(connection, principal, token)
            now = token.created_at
            quotas.check(Resource.TOKENS, lambda: token_store.count_valid(connection, principal.tenant_id, now=now))
        return token, secret

    def give_first(self, connection: Connection, principal: Principal, member: Member) -> tuple[Token, str]:
        """Add a tenant's first member with a token, in the transaction that makes the tenant."""
        validate_subject(member.subject, field="admin")
        store.put_member(connection, member)
        token, secret = self._new(principal, member, name="first token", scopes=None, lifetime=None)
        self._audit.record(
            connection,
            principal=principal,
            action="member.added",
            subject=member.path,
            after={"kind": member.kind, "role": member.role},
        )
        self._add(connection, principal, token)
        return token, secret

    def replace_all(
        self, connection: Connection, principal: Principal, member: Member, *, name: str
    ) -> tuple[Token, str]:
        """A new token of the member's whole role in place of all of theirs, in the caller's transaction."""
        token_store.revoke(connection, member.tenant_id, at=self._clock.now(), token_id=None, subject=member.subject)
        token, secret = self._new(principal, member, name=name, scopes=None, lifetime=None)
        self._add(connection, principal, token, action="token.reissued")
        return token, secret

    def page(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[Token]:
        """Tokens that the caller sees, newest first, those that were revoked or have expired too."""
        subject = None if principal.may(Permission.MEMBERS_WRITE) else principal.subject
        with self._database.read() as connection:
            return token_store.page_of_tokens(
                connection, principal.tenant_id, subject=subject, limit=limit, cursor=cursor
            )

    def revoke(self, principal: Principal, token_id: str) -> Token:
        """Shut the door to a token. Again: nothing more happens.

        Raises:
            NotFound: code `token_not_found`, also for one of somebody else's that the caller does not see.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            token = self._visible(connection, principal, token_id)
            revoked = token_store.revoke(
                connection, principal.tenant_id, at=now, token_id=token_id, subject=token.subject
            )
            if revoked:
                self._audit.record(
                    connection,
                    principal=principal,
                    action="token.revoked",
                    subject=token.path,
                    after=_audit_fields(token),
                )
            return self._visible(connection, principal, token_id)

    @staticmethod
    def _visible(connection: Connection, principal: Principal, token_id: str) -> Token:
        token = token_store.find_token(connection, principal.tenant_id, token_id)
        is_seen = token is not None and (token.subject == principal.subject or principal.may(Permission.MEMBERS_WRITE))
        if token is None or not is_seen:
            raise NotFound(f"there is no token '{token_id}'", code="token_not_found")
        return token

    def _new(
        self,
        principal: Principal,
        member: Member,
        *,
        name: str,
        scopes: frozenset[Permission] | None,
        lifetime: timedelta | None,
    ) -> tuple[Token, str]:
        secret = new_token_secret()
        now = self._clock.now()
        token = Token(
            token_id=f"token-{uuid4().hex}",
            tenant_id=member.tenant_id,
            subject=member.subject,
            name=name,
            scopes=scopes,
            digest=token_digest(secret),
            created_at=now,
            created_by=principal.subject,
            made_by=principal.made_by | {principal.subject},
            expires_at=None if lifetime is None else now + lifetime,
            revoked_at=None,
            last_used_at=None,
        )
        return token, secret

    def _add(
        self, connection: Connection, principal: Principal, token: Token, *, action: str = "token.created"
    ) -> None:
        token_store.add_token(connection, token)
        self._audit.record(
            connection, principal=principal, action=action, subject=token.path, after=_audit_fields(token)
        )


def _check_scopes(principal: Principal, member: Member, scopes: frozenset[Permission] | None) -> None:
    whole = Principal(tenant_id=member.tenant_id, subject=member.subject, role=member.role).permissions
    outside = (scopes or frozenset()) - whole
    if outside:
        raise Invalid(
            f"scopes: expected permissions of the role '{member.role}', got {', '.join(sorted(outside))}",
            code="scope_outside_role",
            field="scopes",
        )
    # A scoped caller must name scopes: a whole role could grow beyond them later.
    exceeds = (scopes is None and principal.scopes is not None) or not (
        (whole if scopes is None else scopes) <= principal.permissions
    )
    if exceeds:
        raise Forbidden(
            "scopes: expected none but permissions that you have yourself, "
            f"got {'the whole role' if scopes is None else ', '.join(sorted(scopes - principal.permissions))}",
            code="scopes_exceed_caller",
            field="scopes",
        )


def _audit_fields(token: Token) -> dict[str, object]:
    expires_at: datetime | None = token.expires_at
    return {
        "subject": token.subject,
        "name": token.name,
        "scopes": None if token.scopes is None else sorted(token.scopes),
        "expires_at": None if expires_at is None else expires_at.isoformat(),
        "made_by": sorted(token.made_by),
    }
