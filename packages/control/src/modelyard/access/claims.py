"""From the claims of an identity provider's token to a caller. Pure: whether there is such a tenant is not asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.access.domain import validate_subject
from modelyard.errors import Invalid, Unauthenticated
from modelyard.principals import FIRST_TENANT, Role

_STRONGEST_FIRST = (Role.ADMIN, Role.APPROVER, Role.DEVELOPER, Role.VIEWER)


@dataclass(frozen=True, slots=True)
class ClaimedIdentity:
    """Who a token says that its bearer is. Without a role, the member of this name has it."""

    tenant_id: str
    subject: str
    role: Role | None


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """Which claims say what. A claim inside of others is written with dots: `realm_access.roles`."""

    subject_claim: str = "sub"
    tenant_claim: str | None = None
    """None: all are of the first tenant."""
    tenants: Mapping[str, str] = field(default_factory=dict)
    """From the claim's value to a tenant; without any, the value is the tenant's id."""
    role_claim: str | None = None
    """None: only members are let in, with the role that they have here."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """From the claim's values to roles; the strongest counts. A value that is not here gives nothing."""

    def identity(self, claims: Mapping[str, Any]) -> ClaimedIdentity:
        """Who the bearer is.

        Raises:
            Unauthenticated: code `claim_missing`, when the claims give no subject, tenant or role that can be one.
        """
        return ClaimedIdentity(
            tenant_id=self._tenant(claims),
            subject=self._subject(claims),
            role=None if self.role_claim is None else self._role(claims, self.role_claim),
        )

    def _subject(self, claims: Mapping[str, Any]) -> str:
        subject = _first(_values(claims, self.subject_claim), self.subject_claim)
        try:
            validate_subject(subject, field=self.subject_claim)
        except Invalid as exc:
            raise Unauthenticated(f"the token's claim {exc.message}", code="claim_missing") from exc
        return subject

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        if self.tenant_claim is None:
            return FIRST_TENANT
        value = _first(_values(claims, self.tenant_claim), self.tenant_claim)
        if not self.tenants:
            return value
        if value not in self.tenants:
            raise Unauthenticated(f"the token's claim {self.tenant_claim} names no tenant", code="claim_missing")
        return self.tenants[value]

    def _role(self, claims: Mapping[str, Any], claim: str) -> Role:
        given = {self.roles[value] for value in _values(claims, claim) if value in self.roles}
        for role in _STRONGEST_FIRST:
            if role in given:
                return role
        raise Unauthenticated(f"the token's claim {claim} gives no role here", code="claim_missing")


def _values(claims: Mapping[str, Any], path: str) -> Sequence[str]:
    """The texts of a claim, by its whole name or else along its dots."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    listed = value if isinstance(value, list) else [value]
    return [item for item in listed if isinstance(item, str)]


def _first(values: Sequence[str], claim: str) -> str:
    if len(values) != 1:
        raise Unauthenticated(f"the token has not exactly one text as its claim {claim}", code="claim_missing")
    return values[0]
