"""Reads and writes tenants and members."""

from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from modelyard.access.domain import Member, MemberKind, Tenant
from modelyard.access.quotas import Quotas, Resource
from modelyard.access.tables import members, tenants
from modelyard.db.statements import insert_new
from modelyard.paging import Page, decode_cursor, encode_cursor
from modelyard.principals import Role


def add_tenant(connection: Connection, tenant: Tenant) -> bool:
    """Insert the tenant if it is not there, and hold its row until the transaction ends; says whether it did."""
    is_new = insert_new(
        connection,
        tenants,
        id=tenant.tenant_id,
        name=tenant.name,
        quotas=dict(tenant.quotas.maxima),
        created_at=tenant.created_at,
    )
    lock_tenant(connection, tenant.tenant_id)
    return is_new


def find_tenant(connection: Connection, tenant_id: str) -> Tenant | None:
    """One tenant that is not deleted."""
    row = connection.execute(select(tenants).where(tenants.c.id == tenant_id, tenants.c.deleted_at.is_(None))).first()
    return None if row is None else _tenant(row)


def lock_tenant(connection: Connection, tenant_id: str) -> Tenant | None:
    """One tenant, also a deleted one, held until the transaction ends.

    Of two that count its things at once, one waits for the other.
    """
    row = connection.execute(select(tenants).where(tenants.c.id == tenant_id).with_for_update()).first()
    return None if row is None else _tenant(row)


def change_tenant(connection: Connection, tenant: Tenant) -> None:
    """Write what can change of a tenant."""
    connection.execute(
        update(tenants)
        .where(tenants.c.id == tenant.tenant_id)
        .values(
            name=tenant.name,
            quotas=dict(tenant.quotas.maxima),
            suspended_at=tenant.suspended_at,
            deleted_at=tenant.deleted_at,
        )
    )


def live_tenants(connection: Connection) -> frozenset[str]:
    """The ids of all tenants that are not deleted."""
    return frozenset(connection.execute(select(tenants.c.id).where(tenants.c.deleted_at.is_(None))).scalars())


def page_of_tenants(connection: Connection, *, limit: int, cursor: str | None) -> Page[Tenant]:
    """All tenants that are not deleted, by id."""
    query = select(tenants).where(tenants.c.deleted_at.is_(None))
    if cursor is not None:
        (after,) = decode_cursor(cursor, parts=1)
        query = query.where(tenants.c.id > after)
    rows = connection.execute(query.order_by(tenants.c.id).limit(limit + 1)).all()
    items = [_tenant(row) for row in rows[:limit]]
    return Page(items, encode_cursor(items[-1].tenant_id) if len(rows) > limit else None)


def put_member(connection: Connection, member: Member) -> bool:
    """Insert the member, or let one that was removed be a member again; says whether it did."""
    values = {
        "kind": member.kind,
        "role": member.role,
        "created_at": member.created_at,
        "created_by": member.created_by,
        "removed_at": member.removed_at,
    }
    if insert_new(connection, members, tenant_id=member.tenant_id, subject=member.subject, **values):
        return True
    again = update(members).where(_is(member.tenant_id, member.subject), members.c.removed_at.is_not(None))
    return connection.execute(again.values(**values)).rowcount == 1


def change_member(connection: Connection, member: Member, **values: Any) -> None:
    """Write some columns of a member."""
    connection.execute(update(members).where(_is(member.tenant_id, member.subject)).values(**values))


def find_member(connection: Connection, tenant_id: str, subject: str) -> Member | None:
    """One member, also one that was removed."""
    row = connection.execute(select(members).where(_is(tenant_id, subject))).first()
    return None if row is None else member_of(row)


def page_of_members(connection: Connection, tenant_id: str, *, limit: int, cursor: str | None) -> Page[Member]:
    """Members of a tenant by subject, without those that were removed."""
    query = select(members).where(members.c.tenant_id == tenant_id, members.c.removed_at.is_(None))
    if cursor is not None:
        (after,) = decode_cursor(cursor, parts=1)
        query = query.where(members.c.subject > after)
    rows = connection.execute(query.order_by(members.c.subject).limit(limit + 1)).all()
    items = [member_of(row) for row in rows[:limit]]
    return Page(items, encode_cursor(items[-1].subject) if len(rows) > limit else None)


def count_admins(connection: Connection, tenant_id: str) -> int:
    """How many administrators the tenant has."""
    query = select(func.count()).select_from(members)
    return connection.execute(
        query.where(members.c.tenant_id == tenant_id, members.c.role == Role.ADMIN, members.c.removed_at.is_(None))
    ).scalar_one()


def member_of(row: Row[Any]) -> Member:
    """A row of `members` as the domain knows it."""
    return Member(
        tenant_id=row.tenant_id,
        subject=row.subject,
        kind=MemberKind(row.kind),
        role=Role(row.role),
        created_at=row.created_at,
        created_by=row.created_by,
        removed_at=row.removed_at,
    )


def _is(tenant_id: str, subject: str) -> Any:
    return (members.c.tenant_id == tenant_id) & (members.c.subject == subject)


def _tenant(row: Row[Any]) -> Tenant:
    maxima = {Resource(name): int(maximum) for name, maximum in row.quotas.items()}
    return Tenant(
        tenant_id=row.id,
        name=row.name,
        quotas=Quotas(maxima),
        created_at=row.created_at,
        suspended_at=row.suspended_at,
        deleted_at=row.deleted_at,
    )
