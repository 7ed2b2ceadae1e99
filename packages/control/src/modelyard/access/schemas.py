"""Tenants, members and tokens on the wire. No hash is here, and a secret only in the answer that makes it."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from modelyard.access.domain import Member, MemberKind, Tenant, Token
from modelyard.access.quotas import Resource
from modelyard.http.bodies import RequestBody
from modelyard.principals import Permission, Principal, Role

_LONGEST_LIFETIME = 10 * 366 * 24 * 3600
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
# Words of ours come as text, which a strict body would not take for them.
_Role = Annotated[Role, Field(strict=False)]
_Kind = Annotated[MemberKind, Field(strict=False)]
_Scope = Annotated[Permission, Field(strict=False)]
_Quotas = dict[Annotated[Resource, Field(strict=False)], Annotated[int, Field(ge=0, le=1_000_000_000)]]


class TenantRequest(RequestBody):
    """A tenant to make, with its first administrator."""

    tenant_id: str
    name: Name | None = None
    admin: str
    quotas: _Quotas = Field(default={})


class TenantChange(RequestBody):
    """What shall change; quotas are given whole, those that are not named are lifted."""

    name: Name | None = None
    quotas: _Quotas | None = None


class Reason(RequestBody):
    """Why."""

    reason: str = Field(default="", max_length=2000)


class AdminRequest(RequestBody):
    """The administrator who needs another token."""

    admin: str = Field(max_length=200)


class MemberRequest(RequestBody):
    """Who shall be a member."""

    subject: str
    kind: _Kind = MemberKind.PERSON
    role: _Role


class RoleChange(RequestBody):
    """A member's other role."""

    role: _Role


class TokenRequest(RequestBody):
    """A token to make."""

    name: Name
    subject: str | None = None
    scopes: Annotated[list[_Scope], Field(min_length=1, max_length=len(Permission))] | None = None
    expires_in_seconds: Annotated[int, Field(ge=1, le=_LONGEST_LIFETIME)] | None = None


class TenantAnswer(BaseModel):
    """A tenant. A resource that `quotas` does not name has no limit."""

    tenant_id: str
    name: str
    quotas: dict[Resource, int]
    created_at: datetime
    suspended_at: datetime | None

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantAnswer":
        """The tenant on the wire."""
        return cls(
            tenant_id=tenant.tenant_id,
            name=tenant.name,
            quotas=dict(tenant.quotas.maxima),
            created_at=tenant.created_at,
            suspended_at=tenant.suspended_at,
        )


class TenantsAnswer(BaseModel):
    """A page of tenants, by id."""

    tenants: list[TenantAnswer]
    next_cursor: str | None


class MemberAnswer(BaseModel):
    """A member."""

    subject: str
    kind: str
    role: str
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, member: Member) -> "MemberAnswer":
        """The member on the wire."""
        return cls(
            subject=member.subject,
            kind=member.kind,
            role=member.role,
            created_at=member.created_at,
            created_by=member.created_by,
        )


class MembersAnswer(BaseModel):
    """A page of members, by subject."""

    members: list[MemberAnswer]
    next_cursor: str | None


class TokenAnswer(BaseModel):
    """A token, without its secret. `scopes` is null when it carries the member's whole role."""

    token_id: str
    subject: str
    name: str
    scopes: list[str] | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, token: Token) -> "TokenAnswer":
        """The token on the wire."""
        return cls(
            token_id=token.token_id,
            subject=token.subject,
            name=token.name,
            scopes=None if token.scopes is None else sorted(token.scopes),
            created_at=token.created_at,
            created_by=token.created_by,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            last_used_at=token.last_used_at,
        )


class TokensAnswer(BaseModel):
    """A page of tokens, newest first."""

    tokens: list[TokenAnswer]
    next_cursor: str | None


class NewTokenAnswer(BaseModel):
    """A new token. `secret` is returned only here."""

    token: TokenAnswer
    secret: str


class NewTenantAnswer(BaseModel):
    """A tenant that was just made, with its administrator's token."""

    tenant: TenantAnswer
    admin_token: NewTokenAnswer


class IdentityAnswer(BaseModel):
    """Who calls, and what they may. `scopes` is null when nothing narrows the role."""

    tenant_id: str
    tenant_name: str
    subject: str
    role: str
    scopes: list[str] | None
    permissions: list[str]
    quotas: dict[Resource, int]

    @classmethod
    def of(cls, principal: Principal, tenant: Tenant) -> "IdentityAnswer":
        """The caller on the wire."""
        return cls(
            tenant_id=principal.tenant_id,
            tenant_name=tenant.name,
            subject=principal.subject,
            role=principal.role,
            scopes=None if principal.scopes is None else sorted(principal.scopes),
            permissions=sorted(principal.permissions),
            quotas=dict(tenant.quotas.maxima),
        )
