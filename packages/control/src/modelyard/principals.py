"""The caller of a request: roles, permissions, and who has which. Pure. What is not granted here is denied."""

from dataclasses import dataclass
from enum import StrEnum

FIRST_TENANT = "default"
"""The tenant of the platform's operators."""
GATEWAY_SUBJECT = "gateway"
"""Who the nodes of the gateway are."""
TRACKER_SUBJECT = "mlflow"
"""Whom the audit log names when somebody did it in MLflow, which does not know who."""
LOCAL_SUBJECT = "local (no authentication)"
"""Whom the audit log names when nobody is asked who they are. No member and no identity provider can name one so."""
UNAUTHENTICATED_SUBJECTS = frozenset({LOCAL_SUBJECT, "anonymous"})
"""That one, and its name before 0.2."""
RESERVED_SUBJECTS = frozenset({"anonymous", GATEWAY_SUBJECT, "modelyard", "policy", TRACKER_SUBJECT})
"""Whom the audit log names when nobody logged in, nobody asked, or a rule decided."""


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
    GATEWAY_READ = "gateway:read"
    GATEWAY_WRITE = "gateway:write"
    """Version sets, APIs and their revisions."""
    RELEASES_WRITE = "releases:write"
    """Saying which revision of an API answers, and how much of its traffic goes where."""
    API_CHANGES_READ = "api-changes:read"
    """What changed for callers of an API: these have it by their subscription keys."""
    GATEWAY_SERVE = "gateway:serve"
    """Fetching what the whole gateway routes by, and reporting what a node of it runs."""
    SUBSCRIPTIONS_READ = "subscriptions:read"
    SUBSCRIPTIONS_WRITE = "subscriptions:write"
    """Saying who may call the gateway, with which keys, how often."""
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


# Addresses of receivers often hold a secret of theirs, and subscriptions say who the callers are: both are for
# administrators.
_VIEWER = frozenset(permission for permission in Permission if permission.value.endswith(":read")) - {
    Permission.SUBSCRIPTIONS_READ,
    Permission.WEBHOOKS_READ,
}
_DEVELOPER = _VIEWER | {
    Permission.MODELS_WRITE,
    Permission.JOBS_WRITE,
    Permission.DEPLOYMENTS_WRITE,
    Permission.GATEWAY_WRITE,
    Permission.RELEASES_WRITE,
    Permission.TOKENS_WRITE,
}
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.DEVELOPER: _DEVELOPER,
    Role.APPROVER: _DEVELOPER | {Permission.MODELS_APPROVE},
    Role.ADMIN: frozenset(Permission),
}
_OPERATORS_ONLY = frozenset({Permission.TENANTS_WRITE, Permission.GATEWAY_SERVE})
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
