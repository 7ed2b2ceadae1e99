"""Builds the identity provider that the settings name, for the control plane and for the tracking server's process.

Apart from `main`, whose import takes longer than the tracking server may.
"""

from modelyard.access.claims import ClaimRules
from modelyard.access.service import Federation
from modelyard.adapters.identity.oidc import OidcProvider
from modelyard.settings import Settings


def federation(settings: Settings) -> Federation | None:
    """The identity provider of the settings, if they name one."""
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    provider = OidcProvider(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        keys_url=settings.oidc_keys_url,
        leeway_seconds=settings.oidc_leeway_seconds,
    )
    rules = ClaimRules(
        subject_claim=settings.oidc_subject_claim,
        tenant_claim=settings.oidc_tenant_claim,
        tenants=settings.oidc_tenants,
        role_claim=settings.oidc_role_claim,
        roles=settings.oidc_roles,
    )
    return Federation(provider, rules)
