"""Tenants, members and their tokens. Pure."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from modelyard.access.quotas import Quotas
from modelyard.errors import Invalid
from modelyard.principals import RESERVED_SUBJECTS, Permission, Role

TOKEN_PREFIX = "my_"  # noqa: S105 - not a secret: what each of ours begins with
_TENANT = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_TENANT_LENGTH = 40
_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+:|-]{0,198}")
_SHOWN = 80


class MemberKind(StrEnum):
    """Whether a person or a program stands behind a member."""

    PERSON = "person"
    SERVICE = "service"


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


IDLE_SESSION = timedelta(hours=2)
"""A session that was not used for so long has ended."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who logged in to the console.

    Attributes:
        token_id: the token that opened it; None when that was one of an identity provider.
        role: what the claims of an identity provider's token gave; None when the member's role counts, as it is now.
    """

    digest: str
    tenant_id: str
    subject: str
    token_id: str | None
    role: Role | None
    opened_at: datetime
    expires_at: datetime
    last_used_at: datetime

    def is_open(self, now: datetime) -> bool:
        """Whether it has neither expired nor been idle for too long."""
        return now < self.expires_at and now - self.last_used_at < IDLE_SESSION


def new_session_secret() -> str:
    """A fresh secret of 256 random bits, which is no token."""
    return secrets.token_urlsafe(32)


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
