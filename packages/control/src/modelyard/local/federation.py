"""Builds the identity provider that the settings name, for the control plane and for the tracking server's process.

Apart from `main`, whose import takes longer than the tracking server may.
"""

from modelyard.access.claims import ClaimRules
from modelyard.access.service import Federation
from modelyard.access.settings import OidcSettings
from modelyard.adapters.identity.code_flow import OidcCodeFlow
from modelyard.adapters.identity.oidc import OidcProvider


def federation(settings: OidcSettings) -> Federation | None:
    """The identity provider of the settings, if they name one."""
    if settings.issuer is None or settings.audience is None:
        return None
    provider = _provider(settings, issuer=settings.issuer, audience=settings.audience)
    rules = ClaimRules(
        subject_claim=settings.subject_claim,
        tenant_claim=settings.tenant_claim,
        tenants=settings.tenants,
        role_claim=settings.role_claim,
        roles=settings.roles,
    )
    return Federation(provider, rules)


def login_flow(settings: OidcSettings) -> OidcCodeFlow | None:
    """How people log in to the console at the identity provider, if the settings name the console there."""
    if settings.issuer is None or settings.client_id is None:
        return None
    return OidcCodeFlow(
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=None if settings.client_secret is None else settings.client_secret.get_secret_value(),
        scopes=settings.scopes,
        id_tokens=_provider(settings, issuer=settings.issuer, audience=settings.client_id),
    )


def _provider(settings: OidcSettings, *, issuer: str, audience: str) -> OidcProvider:
    return OidcProvider(
        issuer=issuer, audience=audience, keys_url=settings.keys_url, leeway_seconds=settings.leeway_seconds
    )
