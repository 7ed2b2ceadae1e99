"""Builds the identity provider that the settings name, for the control plane and for the tracking server's process.

Apart from `main`, whose import takes longer than the tracking server may.
"""

from modelyard.access.claims import ClaimRules
from modelyard.access.service import Federation
from modelyard.access.settings import OidcSettings
from modelyard.adapters.identity.oidc import OidcProvider


def federation(settings: OidcSettings) -> Federation | None:
    """The identity provider of the settings, if they name one."""
    if settings.issuer is None or settings.audience is None:
        return None
    provider = OidcProvider(
        issuer=settings.issuer,
        audience=settings.audience,
        keys_url=settings.keys_url,
        leeway_seconds=settings.leeway_seconds,
    )
    rules = ClaimRules(
        subject_claim=settings.subject_claim,
        tenant_claim=settings.tenant_claim,
        tenants=settings.tenants,
        role_claim=settings.role_claim,
        roles=settings.roles,
    )
    return Federation(provider, rules)
