"""Principals, roles and permissions. Pure."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

TOKEN_PREFIX = "my_"  # noqa: S105 - not a secret: what each of ours begins with


class Permission(StrEnum):
    """What a route may ask for. Every route names exactly one."""

    MODELS_READ = "models:read"
    MODELS_WRITE = "models:write"
    MODELS_APPROVE = "models:approve"
    MODELS_GOVERN = "models:govern"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    DEPLOYMENTS_READ = "deployments:read"
    DEPLOYMENTS_WRITE = "deployments:write"
    STATUS_READ = "status:read"


class Role(StrEnum):
    """What a token's bearer is in its tenant."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    APPROVER = "approver"
    ADMIN = "admin"


_VIEWER = frozenset({Permission.MODELS_READ, Permission.JOBS_READ, Permission.DEPLOYMENTS_READ, Permission.STATUS_READ})
_DEVELOPER = _VIEWER | {Permission.MODELS_WRITE, Permission.JOBS_WRITE, Permission.DEPLOYMENTS_WRITE}
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.DEVELOPER: _DEVELOPER,
    Role.APPROVER: _DEVELOPER | {Permission.MODELS_APPROVE},
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request."""

    tenant_id: str
    subject: str
    """Who it is, as the audit log names them."""
    role: Role

    def may(self, permission: Permission) -> bool:
        """Whether the role carries the permission."""
        return permission in PERMISSIONS[self.role]


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token: its hash, never itself."""

    token_id: str
    tenant_id: str
    subject: str
    role: Role
    digest: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens the door now."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def new_token_secret() -> str:
    """A fresh secret of 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(secret: str) -> str:
    """What is stored of a secret. It has 256 random bits, so a plain hash cannot be searched backwards."""
    return hashlib.sha256(secret.encode()).hexdigest()
