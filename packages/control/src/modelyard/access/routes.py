"""The routes of access: who one is, tenants, members, tokens."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query

from modelyard.access.members import Members
from modelyard.access.quotas import Quotas
from modelyard.access.schemas import (
    AdminRequest,
    IdentityAnswer,
    MemberAnswer,
    MemberRequest,
    MembersAnswer,
    NewTenantAnswer,
    NewTokenAnswer,
    Reason,
    RoleChange,
    TenantAnswer,
    TenantChange,
    TenantRequest,
    TenantsAnswer,
    TokenAnswer,
    TokenRequest,
    TokensAnswer,
)
from modelyard.access.tenant_life import TenantLife
from modelyard.access.tenants import Tenants
from modelyard.access.tokens import Tokens
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal

Anybody = Annotated[Principal, Depends(Requires(Permission.IDENTITY_READ))]
Operator = Annotated[Principal, Depends(Requires(Permission.TENANTS_WRITE))]
ReadMembers = Annotated[Principal, Depends(Requires(Permission.MEMBERS_READ))]
WriteMembers = Annotated[Principal, Depends(Requires(Permission.MEMBERS_WRITE))]
ReadTokens = Annotated[Principal, Depends(Requires(Permission.TOKENS_READ))]
WriteTokens = Annotated[Principal, Depends(Requires(Permission.TOKENS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
PREFIX = "/api/v1/access"


def whoami_routes(tenants: Tenants) -> APIRouter:
    """Who one is."""
    router = APIRouter(prefix=PREFIX, tags=["access"])

    @router.get("/whoami")
    def whoami(caller: Anybody) -> IdentityAnswer:
        """The caller, its tenant, and what it may."""
        return IdentityAnswer.of(caller, tenants.get(caller.tenant_id))

    return router


def tenant_routes(tenants: Tenants) -> APIRouter:
    """Tenants, for the operators of the platform."""
    router = APIRouter(prefix=f"{PREFIX}/tenants", tags=["access"])
    is_operator = Depends(Requires(Permission.TENANTS_WRITE))

    @router.get("", dependencies=[is_operator])
    def list_tenants(limit: Limit = 50, cursor: Cursor = None) -> TenantsAnswer:
        """All tenants."""
        page = tenants.page(limit=limit, cursor=cursor)
        return TenantsAnswer(tenants=[TenantAnswer.of(tenant) for tenant in page.items], next_cursor=page.next_cursor)

    @router.post("", status_code=201)
    def create_tenant(caller: Operator, body: TenantRequest) -> NewTenantAnswer:
        """Make a tenant, with its first administrator and their token."""
        made = tenants.create(
            caller,
            tenant_id=body.tenant_id,
            name=body.name or body.tenant_id,
            admin=body.admin,
            quotas=Quotas(body.quotas),
        )
        token = NewTokenAnswer(token=TokenAnswer.of(made.admin_token), secret=made.secret)
        return NewTenantAnswer(tenant=TenantAnswer.of(made.tenant), admin_token=token)

    @router.get("/{tenant_id}", dependencies=[is_operator])
    def one_tenant(tenant_id: str) -> TenantAnswer:
        """One tenant."""
        return TenantAnswer.of(tenants.get(tenant_id))

    @router.patch("/{tenant_id}")
    def change_tenant(caller: Operator, tenant_id: str, body: TenantChange) -> TenantAnswer:
        """Another name, or other quotas."""
        quotas = None if body.quotas is None else Quotas(body.quotas)
        return TenantAnswer.of(tenants.change(caller, tenant_id, name=body.name, quotas=quotas))

    return router


def tenant_life_routes(life: TenantLife) -> APIRouter:
    """Opening and shutting the door of a whole tenant."""
    router = APIRouter(prefix=f"{PREFIX}/tenants", tags=["access"])

    @router.post("/{tenant_id}/suspend")
    def suspend_tenant(caller: Operator, tenant_id: str, body: Reason) -> TenantAnswer:
        """Let nobody of the tenant in; what it has deployed goes on serving."""
        return TenantAnswer.of(life.suspend(caller, tenant_id, reason=body.reason))

    @router.post("/{tenant_id}/resume")
    def resume_tenant(caller: Operator, tenant_id: str, body: Reason) -> TenantAnswer:
        """Let the tenant in again."""
        return TenantAnswer.of(life.resume(caller, tenant_id, reason=body.reason))

    @router.delete("/{tenant_id}", status_code=204)
    def delete_tenant(caller: Operator, tenant_id: str, reason: Annotated[str, Query(max_length=2000)] = "") -> None:
        """Shut a suspended tenant for ever; refused while anything of it runs."""
        life.delete(caller, tenant_id, reason=reason)

    @router.post("/{tenant_id}/admin-token", status_code=201)
    def reissue_admin_token(caller: Operator, tenant_id: str, body: AdminRequest) -> NewTokenAnswer:
        """A new token for an administrator of the tenant, in place of all that they had."""
        token, secret = life.reissue(caller, tenant_id, admin=body.admin)
        return NewTokenAnswer(token=TokenAnswer.of(token), secret=secret)

    return router


def member_routes(members: Members) -> APIRouter:
    """Members of the caller's tenant."""
    router = APIRouter(prefix=f"{PREFIX}/members", tags=["access"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_members(caller: ReadMembers, limit: Limit = 50, cursor: Cursor = None) -> MembersAnswer:
        """All members."""
        page = members.page(caller, limit=limit, cursor=cursor)
        return MembersAnswer(members=[MemberAnswer.of(member) for member in page.items], next_cursor=page.next_cursor)

    @router.post("", status_code=201)
    def add_member(caller: WriteMembers, body: MemberRequest) -> MemberAnswer:
        """Let a person or a service be a member."""
        return MemberAnswer.of(members.add(caller, subject=body.subject, kind=body.kind, role=body.role))

    @router.patch("/{subject}")
    def change_role(caller: WriteMembers, subject: str, body: RoleChange) -> MemberAnswer:
        """Give a member another role."""
        return MemberAnswer.of(members.change_role(caller, subject, body.role))

    @router.delete("/{subject}", status_code=204)
    def remove_member(caller: WriteMembers, subject: str) -> None:
        """End a membership, and revoke the member's tokens."""
        members.remove(caller, subject)

    return router


def token_routes(tokens: Tokens) -> APIRouter:
    """Tokens: one's own, and for administrators those of all members."""
    router = APIRouter(prefix=f"{PREFIX}/tokens", tags=["access"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_tokens(caller: ReadTokens, limit: Limit = 50, cursor: Cursor = None) -> TokensAnswer:
        """Tokens without their secrets."""
        page = tokens.page(caller, limit=limit, cursor=cursor)
        return TokensAnswer(tokens=[TokenAnswer.of(token) for token in page.items], next_cursor=page.next_cursor)

    @router.post("", status_code=201)
    def create_token(caller: WriteTokens, body: TokenRequest) -> NewTokenAnswer:
        """Make a token; its secret is returned only here."""
        token, secret = tokens.create(
            caller,
            subject=body.subject,
            name=body.name,
            scopes=None if body.scopes is None else frozenset(body.scopes),
            lifetime=None if body.expires_in_seconds is None else timedelta(seconds=body.expires_in_seconds),
        )
        return NewTokenAnswer(token=TokenAnswer.of(token), secret=secret)

    @router.delete("/{token_id}")
    def revoke_token(caller: WriteTokens, token_id: str) -> TokenAnswer:
        """Revoke a token, at once and for ever."""
        return TokenAnswer.of(tokens.revoke(caller, token_id))

    return router
