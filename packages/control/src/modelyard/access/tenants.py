"""The operators' verbs on tenants. A tenant is made with its first administrator, and its id never changes."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from modelyard.access import store
from modelyard.access.domain import Member, MemberKind, Tenant, Token, validate_tenant_id
from modelyard.access.quotas import Quotas
from modelyard.access.tokens import Tokens
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, NotFound
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import FIRST_TENANT, Principal, Role


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant that was just made, with its administrator's token. The secret is returned only here."""

    tenant: Tenant
    admin_token: Token
    secret: str


class Tenants:
    """All tenants. Who calls has the permission `tenants:write`; the guard has seen to it."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog, tokens: Tokens) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._tokens = tokens

    def create(self, operator: Principal, *, tenant_id: str, name: str, admin: str, quotas: Quotas) -> NewTenant:
        """Make a tenant whose only member is its administrator.

        Raises:
            Invalid: code `tenant_id_invalid` or `subject_invalid`.
            Conflict: code `tenant_exists`.
        """
        validate_tenant_id(tenant_id)
        now = self._clock.now()
        tenant = Tenant(tenant_id=tenant_id, name=name, quotas=quotas, created_at=now)
        inside = acting_in(tenant_id, operator)
        with self._database.write() as connection:
            if not store.add_tenant(connection, tenant):
                raise Conflict(f"there is or was a tenant '{tenant_id}'", code="tenant_exists", field="tenant_id")
            record_for_both(self._audit, connection, operator, "tenant.created", before=None, after=tenant)
            member = Member(
                tenant_id=tenant_id,
                subject=admin,
                kind=MemberKind.PERSON,
                role=Role.ADMIN,
                created_at=now,
                created_by=inside.subject,
            )
            token, secret = self._tokens.give_first(connection, inside, member)
        return NewTenant(tenant=tenant, admin_token=token, secret=secret)

    def is_single(self) -> bool:
        """Whether there is one tenant only, so that nobody has anything to hide from another one."""
        with self._database.read() as connection:
            return len(store.page_of_tenants(connection, limit=2, cursor=None).items) < 2

    def change(self, operator: Principal, tenant_id: str, *, name: str | None, quotas: Quotas | None) -> Tenant:
        """Give another name, or other quotas in place of all of those before. What is there already stays.

        Raises:
            NotFound: code `tenant_not_found`.
        """
        with self._database.write() as connection:
            before = locked_tenant(connection, tenant_id)
            after = replace(
                before,
                name=before.name if name is None else name,
                quotas=before.quotas if quotas is None else quotas,
            )
            store.change_tenant(connection, after)
            record_for_both(self._audit, connection, operator, "tenant.changed", before=before, after=after)
        return after

    def get(self, tenant_id: str) -> Tenant:
        """One tenant.

        Raises:
            NotFound: code `tenant_not_found`.
        """
        with self._database.read() as connection:
            tenant = store.find_tenant(connection, tenant_id)
        if tenant is None:
            raise _missing(tenant_id)
        return tenant

    def page(self, *, limit: int, cursor: str | None) -> Page[Tenant]:
        """All tenants by id."""
        with self._database.read() as connection:
            return store.page_of_tenants(connection, limit=limit, cursor=cursor)


def live_tenants(connection: Connection) -> frozenset[str]:
    """The ids of all tenants that are not deleted, in the caller's transaction."""
    return store.live_tenants(connection)


def locked_tenant(connection: Connection, tenant_id: str) -> Tenant:
    """One tenant that is not deleted, held until the transaction ends.

    Raises:
        NotFound: code `tenant_not_found`.
    """
    tenant = store.lock_tenant(connection, tenant_id)
    if tenant is None or tenant.deleted_at is not None:
        raise _missing(tenant_id)
    return tenant


def record_for_both(
    audit: AuditLog,
    connection: Connection,
    operator: Principal,
    action: str,
    *,
    before: Tenant | None,
    after: Tenant,
    reason: str = "",
) -> None:
    """Leave an entry in the operators' log and, where that is another, in the tenant's own."""
    principals = [operator]
    if after.tenant_id != operator.tenant_id:
        principals.append(acting_in(after.tenant_id, operator))
    for principal in principals:
        audit.record(
            connection,
            principal=principal,
            action=action,
            subject=after.path,
            reason=reason,
            before=None if before is None else _audit_fields(before),
            after=_audit_fields(after),
        )


def acting_in(tenant_id: str, operator: Principal) -> Principal:
    """The operator as another tenant's log names them: no member can have a name with a slash."""
    return Principal(
        tenant_id=tenant_id,
        subject=f"{FIRST_TENANT}/{operator.subject}",
        role=operator.role,
        made_by=frozenset(f"{FIRST_TENANT}/{maker}" for maker in operator.made_by),
    )


def _audit_fields(tenant: Tenant) -> dict[str, object]:
    fields: dict[str, object] = {"name": tenant.name, "quotas": dict(tenant.quotas.maxima)}
    if tenant.suspended_at is not None:
        fields["suspended_at"] = tenant.suspended_at.isoformat()
    if tenant.deleted_at is not None:
        fields["deleted_at"] = tenant.deleted_at.isoformat()
    return fields


def _missing(tenant_id: str) -> NotFound:
    return NotFound(f"there is no tenant '{tenant_id}'", code="tenant_not_found")
