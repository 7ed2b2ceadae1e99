"""Suspending, resuming and deleting tenants, and helping one whose administrator lost the token.

A deletion shuts the door for ever. What the tenant made stays, unreachable, for the audit log to point at; so it is
refused while anything of the tenant still runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from modelyard.access import store, token_store
from modelyard.access.domain import Tenant, Token
from modelyard.access.tenants import acting_in, locked_tenant, record_for_both
from modelyard.access.tokens import Tokens
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, NotFound
from modelyard.ports.clock import Clock
from modelyard.principals import FIRST_TENANT, Principal, Role

DeletionBlocker = Callable[[Connection, str], str | None]
"""What of a tenant still runs, in words; None when nothing does."""


class TenantLife:
    """The operators' verbs that open and shut the door of a whole tenant; never that of the operators themselves."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        tokens: Tokens,
        deletion_blockers: Sequence[DeletionBlocker],
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._tokens = tokens
        self._deletion_blockers = deletion_blockers

    def suspend(self, operator: Principal, tenant_id: str, *, reason: str) -> Tenant:
        """Let nobody of the tenant in until it is resumed; what it has deployed goes on serving. Again: no change.

        Raises:
            NotFound: code `tenant_not_found`.
            Conflict: code `tenant_is_the_operators`.
        """
        with self._database.write() as connection:
            tenant = _outside_the_first(connection, tenant_id)
            if tenant.suspended_at is not None:
                return tenant
            suspended = replace(tenant, suspended_at=self._clock.now())
            self._change(connection, operator, "tenant.suspended", tenant, suspended, reason=reason)
            return suspended

    def resume(self, operator: Principal, tenant_id: str, *, reason: str) -> Tenant:
        """Let the tenant in again, with the tokens of before. Again: no change.

        Raises:
            NotFound: code `tenant_not_found`.
        """
        with self._database.write() as connection:
            tenant = locked_tenant(connection, tenant_id)
            if tenant.suspended_at is None:
                return tenant
            resumed = replace(tenant, suspended_at=None)
            self._change(connection, operator, "tenant.resumed", tenant, resumed, reason=reason)
            return resumed

    def delete(self, operator: Principal, tenant_id: str, *, reason: str) -> None:
        """Shut a suspended tenant for ever: its tokens are revoked, and its id is never used again.

        Raises:
            NotFound: code `tenant_not_found`.
            Conflict: code `tenant_is_the_operators`, `tenant_not_suspended` or `tenant_in_use`.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            tenant = _outside_the_first(connection, tenant_id)
            if tenant.suspended_at is None:
                raise Conflict(
                    f"tenant '{tenant_id}' is not suspended: suspend it first, so that nobody begins anything new",
                    code="tenant_not_suspended",
                )
            running = [said for blocker in self._deletion_blockers if (said := blocker(connection, tenant_id))]
            if running:
                raise Conflict(f"tenant '{tenant_id}' has {' and '.join(running)}", code="tenant_in_use")
            token_store.revoke_all(connection, tenant_id, at=now)
            self._change(connection, operator, "tenant.deleted", tenant, replace(tenant, deleted_at=now), reason=reason)

    def reissue(self, operator: Principal, tenant_id: str, *, admin: str) -> tuple[Token, str]:
        """A new token for an administrator of the tenant, in place of all that they had, and its secret.

        Raises:
            NotFound: code `tenant_not_found`, or `member_not_found` when the tenant has no such administrator.
        """
        inside = acting_in(tenant_id, operator)
        with self._database.write() as connection:
            locked_tenant(connection, tenant_id)
            member = store.find_member(connection, tenant_id, admin)
            if member is None or member.removed_at is not None or member.role is not Role.ADMIN:
                raise NotFound(f"tenant '{tenant_id}' has no administrator '{admin}'", code="member_not_found")
            return self._tokens.replace_all(connection, inside, member, name="reissued by an operator")

    def _change(
        self,
        connection: Connection,
        operator: Principal,
        action: str,
        before: Tenant,
        after: Tenant,
        *,
        reason: str,
    ) -> None:
        store.change_tenant(connection, after)
        record_for_both(self._audit, connection, operator, action, before=before, after=after, reason=reason)


def _outside_the_first(connection: Connection, tenant_id: str) -> Tenant:
    tenant = locked_tenant(connection, tenant_id)
    if tenant_id == FIRST_TENANT:
        raise Conflict(
            f"'{FIRST_TENANT}' is the operators' own tenant: nobody could undo this", code="tenant_is_the_operators"
        )
    return tenant
