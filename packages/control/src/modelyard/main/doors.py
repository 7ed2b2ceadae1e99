"""Puts the nouns of access together: who is let in, and what they may."""

from collections.abc import Sequence

from fastapi import APIRouter

from modelyard.access.failures import FailedLogins
from modelyard.access.members import Members
from modelyard.access.routes import member_routes, tenant_life_routes, tenant_routes, token_routes, whoami_routes
from modelyard.access.service import AccessService
from modelyard.access.tenant_life import Hindrance, TenantLife
from modelyard.access.tenants import Tenants
from modelyard.access.tokens import Tokens
from modelyard.atomic_file import replace_text
from modelyard.local.federation import federation
from modelyard.main.ground import Ground


class Doors:
    """Authentication, tenants, members and tokens."""

    def __init__(self, ground: Ground) -> None:
        database, clock, audit = ground.database, ground.clock, ground.audit
        self._token_file = ground.settings.storage.places.token_file
        self.tokens = Tokens(database=database, clock=clock, audit=audit)
        self.members = Members(database=database, clock=clock, audit=audit)
        self.tenants = Tenants(database=database, clock=clock, audit=audit, tokens=self.tokens)
        self.tenant_life = TenantLife(database=database, clock=clock, audit=audit, tokens=self.tokens)
        self.access = AccessService(
            database=database,
            clock=clock,
            tokens=self.tokens,
            is_open=not ground.settings.access.auth,
            failures=FailedLogins(clock=clock, most=ground.settings.access.failed_logins_per_minute),
            federation=federation(ground.settings.oidc),
        )

    def keep_tenants_that_have(self, *hindrances: Hindrance) -> None:
        """Name what must have ended before a tenant can be deleted."""
        for hindrance in hindrances:
            self.tenant_life.refuse_deletion_for(hindrance)

    def make_first_token(self) -> None:
        """Put the first administrator's token into the home, if there is none yet."""
        self.access.first_token(keep=lambda secret: replace_text(self._token_file, secret + "\n"))

    def routes(self) -> Sequence[APIRouter]:
        """The surface `/api/v1/access`."""
        return [
            whoami_routes(self.tenants),
            tenant_routes(self.tenants),
            tenant_life_routes(self.tenant_life),
            member_routes(self.members),
            token_routes(self.tokens),
        ]
