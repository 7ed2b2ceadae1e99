"""Who is let in: tokens of ours, and those of an identity provider."""

from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from modelyard.principals import Role
from modelyard.setting_group import SettingGroup


class AccessSettings(SettingGroup):
    """Authentication of callers."""

    auth: bool = True
    """False only on loopback: every caller is then the first tenant's administrator."""
    failed_logins_per_minute: int = Field(default=30, ge=1)
    """From one address, or with one beginning of a token, in one process; more are answered with 429. Wrong keys
    of the address where new data is announced are counted by themselves, with the same limit."""


class OidcSettings(SettingGroup):
    """An identity provider (OpenID Connect) whose tokens are let in too."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_OIDC_")

    issuer: str | None = None
    """An OpenID Connect issuer whose tokens are let in too, exactly as they name it in `iss`."""
    audience: str | None = None
    """What its tokens must name in `aud`."""
    keys_url: str | None = None
    """Where its keys are, when that is another origin than the issuer's."""
    client_id: str | None = None
    """As what the console is registered at the issuer: people then log in there (authorization code flow with PKCE).
    The address to register for the way back is `https://<this server>/console/login/callback`."""
    client_secret: SecretStr | None = None
    """The console's secret at the issuer; none for a public client."""
    scopes: str = Field(default="openid", pattern=r"^openid( [!#-\[\]-~]+)*$")
    """What the console asks the issuer for, with spaces between; `openid` comes first."""
    leeway_seconds: float = Field(default=30, ge=0, le=300)
    """How far the issuer's clock may differ from ours."""
    subject_claim: str = "sub"
    """The claim that names the caller."""
    tenant_claim: str | None = None
    """The claim that names the tenant. Without one, all are of the first tenant."""
    tenants: dict[str, str] = Field(default={})
    """From the claim's value to a tenant's id, as JSON; without any, the value is the id."""
    role_claim: str | None = None
    """The claim that names the role. Without one, only members are let in, with the role that they have here."""
    roles: dict[str, Role] = Field(default={})
    """From the claim's values to roles, as JSON."""

    @model_validator(mode="after")
    def _name_an_audience(self) -> Self:
        if self.issuer is not None and not self.audience:
            raise ValueError(
                "MODELYARD_OIDC_AUDIENCE must be set with MODELYARD_OIDC_ISSUER: else tokens that the issuer made for "
                "other services would be let in"
            )
        if self.client_id is not None and self.issuer is None:
            raise ValueError("MODELYARD_OIDC_ISSUER must be set with MODELYARD_OIDC_CLIENT_ID")
        return self
