"""Tenants, members, tokens, roles and permissions. Pure. What is not granted here is denied."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from modelyard.access.quotas import Quotas
from modelyard.errors import Invalid

TOKEN_PREFIX = "my_"  # noqa: S105 - not a secret: what each of ours begins with
FIRST_TENANT = "default"
"""The tenant of the platform's operators."""
TRACKER_SUBJECT = "mlflow"
"""Whom the audit log names when somebody did it in MLflow, which does not know who."""
LOCAL_SUBJECT = "local (no authentication)"
"""Whom the audit log names when nobody is asked who they are. No member and no identity provider can name one so."""
UNAUTHENTICATED_SUBJECTS = frozenset({LOCAL_SUBJECT, "anonymous"})
"""That one, and its name before 0.2."""
RESERVED_SUBJECTS = frozenset({"anonymous", "modelyard", "policy", TRACKER_SUBJECT})
"""Whom the audit log names when nobody logged in, nobody asked, or a rule decided."""

_TENANT = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_TENANT_LENGTH = 40
_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+:|-]{0,198}")
_SHOWN = 80


class Permission(StrEnum):
    """What a route may ask for. Every route names exactly one."""

    IDENTITY_READ = "identity:read"
    """Asking who one is: no role and no scope is without it."""
    MODELS_READ = "models:read"
    MODELS_WRITE = "models:write"
    MODELS_APPROVE = "models:approve"
    MODELS_GOVERN = "models:govern"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    DEPLOYMENTS_READ = "deployments:read"
    DEPLOYMENTS_WRITE = "deployments:write"
    STATUS_READ = "status:read"
    AUDIT_READ = "audit:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    """Saying who hears of the tenant's events."""
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    """Members of one's tenant, and the tokens of all of them."""
    TOKENS_READ = "tokens:read"
    """One's own tokens."""
    TOKENS_WRITE = "tokens:write"
    TENANTS_WRITE = "tenants:write"
    """Making, seeing and limiting tenants. Only in the first tenant has anybody this."""


class Role(StrEnum):
    """What a member is in its tenant."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    APPROVER = "approver"
    ADMIN = "admin"


class MemberKind(StrEnum):
    """Whether a person or a program stands behind a member."""

    PERSON = "person"
    SERVICE = "service"


# Addresses of receivers often hold a secret of theirs, so they are for administrators.
_VIEWER = frozenset(permission for permission in Permission if permission.value.endswith(":read")) - {
    Permission.WEBHOOKS_READ
}
_DEVELOPER = _VIEWER | {
    Permission.MODELS_WRITE,
    Permission.JOBS_WRITE,
    Permission.DEPLOYMENTS_WRITE,
    Permission.TOKENS_WRITE,
}
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.DEVELOPER: _DEVELOPER,
    Role.APPROVER: _DEVELOPER | {Permission.MODELS_APPROVE},
    Role.ADMIN: frozenset(Permission),
}
_OPERATORS_ONLY = frozenset({Permission.TENANTS_WRITE})
_ALWAYS = frozenset({Permission.IDENTITY_READ})


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request."""

    tenant_id: str
    subject: str
    """Who it is, as the audit log names them."""
    role: Role
    scopes: frozenset[Permission] | None = None
    """What the token is narrowed to; None when it carries the whole role."""
    made_by: frozenset[str] = frozenset()
    """Who may know the credential besides its owner: who made it, who made theirs, and so on. Nobody for a login at an
    identity provider."""

    @property
    def is_local(self) -> bool:
        """Whether it is whoever sits at this machine, in a stack that asks nobody who they are."""
        return self.subject == LOCAL_SUBJECT

    @property
    def permissions(self) -> frozenset[Permission]:
        """What it may: its role's permissions, less what only operators have, narrowed to the token's scopes."""
        granted = PERMISSIONS[self.role]
        if self.tenant_id != FIRST_TENANT:
            granted -= _OPERATORS_ONLY
        return granted if self.scopes is None else granted & (self.scopes | _ALWAYS)

    def may(self, permission: Permission) -> bool:
        """Whether it has the permission."""
        return permission in self.permissions

    @property
    def title(self) -> str:
        """What grants the permissions, for a refusal's sentence."""
        return f"the role '{self.role}'" if self.scopes is None else f"a token of the role '{self.role}' with scopes"


@dataclass(frozen=True, slots=True)
class Tenant:
    """Those who share models, jobs and deployments, and see nobody else's. `tenant_id` never changes."""

    tenant_id: str
    name: str
    quotas: Quotas
    created_at: datetime
    suspended_at: datetime | None = None
    """Since when nobody of it is let in."""
    deleted_at: datetime | None = None

    @property
    def path(self) -> str:
        """As the audit log names it."""
        return f"tenants/{self.tenant_id}"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a tenant. The role is looked up at each request, so a change counts at once."""

    tenant_id: str
    subject: str
    kind: MemberKind
    role: Role
    created_at: datetime
    created_by: str
    removed_at: datetime | None = None

    @property
    def path(self) -> str:
        """As the audit log names it."""
        return f"members/{self.subject}"


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token of a member: its hash, never itself."""

    token_id: str
    tenant_id: str
    subject: str
    name: str
    """What it is for."""
    scopes: frozenset[Permission] | None
    digest: str
    created_at: datetime
    created_by: str
    made_by: frozenset[str]
    """Who made it, and the credential that it was made with, and so on."""
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """Exact to a minute."""

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens the door now."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def path(self) -> str:
        """As the audit log names it."""
        return f"tokens/{self.token_id}"


def new_token_secret() -> str:
    """A fresh secret of 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(secret: str) -> str:
    """What is stored of a secret. It has 256 random bits, so a plain hash cannot be searched backwards."""
    return hashlib.sha256(secret.encode()).hexdigest()


def validate_tenant_id(tenant_id: str) -> None:
    """A tenant's id, which stands before `--` in the mirror's names, so it holds no two hyphens in a row.

    Raises:
        Invalid: code `tenant_id_invalid`.
    """
    if len(tenant_id) > _TENANT_LENGTH or not _TENANT.fullmatch(tenant_id):
        raise Invalid(
            f"tenant_id: expected 1 to {_TENANT_LENGTH} lower-case letters, digits and single hyphens, the first a "
            f"letter and the last not a hyphen, got {tenant_id[:_SHOWN]!r}",
            code="tenant_id_invalid",
            field="tenant_id",
        )


def validate_subject(subject: str, *, field: str) -> None:
    """A member's name, as the audit log and addresses hold it.

    Raises:
        Invalid: code `subject_invalid`.
    """
    if subject in RESERVED_SUBJECTS or not _SUBJECT.fullmatch(subject):
        raise Invalid(
            f"{field}: expected 1 to 199 letters, digits and . _ @ + : | -, the first a letter or digit, and none of "
            f"{', '.join(sorted(RESERVED_SUBJECTS))}, got {subject[:_SHOWN]!r}",
            code="subject_invalid",
            field=field,
        )
