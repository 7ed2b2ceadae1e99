"""Puts the nouns of access together: who is let in, and what they may."""

from collections.abc import Callable, Sequence

from modelyard.access.failures import FailedLogins
from modelyard.access.members import Members
from modelyard.access.routes import member_routes, tenant_life_routes, tenant_routes, token_routes, whoami_routes
from modelyard.access.service import AccessService
from modelyard.access.sessions import Sessions
from modelyard.access.single_sign_on import SingleSignOn
from modelyard.access.tenant_life import DeletionBlocker, TenantLife
from modelyard.access.tenants import Tenants
from modelyard.access.tokens import Tokens
from modelyard.atomic_file import replace_text
from modelyard.http.routing import APIRouter
from modelyard.local.federation import federation, login_flow
from modelyard.main.context import Context
from modelyard.principals import Principal


class AccessParts:
    """Authentication, tenants, members and tokens. A tenant is not deleted while anything blocks that."""

    def __init__(
        self,
        context: Context,
        *,
        deletion_blockers: Sequence[DeletionBlocker],
        caller_of_key: Callable[[str], Principal | None],
    ) -> None:
        database, clock, audit = context.database, context.clock, context.audit
        self._token_file = context.settings.storage.places.token_file
        self.tokens = Tokens(database=database, clock=clock, audit=audit)
        self.members = Members(database=database, clock=clock, audit=audit)
        self.tenants = Tenants(database=database, clock=clock, audit=audit, tokens=self.tokens)
        self.tenant_life = TenantLife(
            database=database, clock=clock, audit=audit, tokens=self.tokens, deletion_blockers=deletion_blockers
        )
        self.access = AccessService(
            database=database,
            clock=clock,
            tokens=self.tokens,
            is_open=not context.settings.access.auth,
            failures=FailedLogins(clock=clock, most=context.settings.access.failed_logins_per_minute),
            federation=federation(context.settings.oidc),
            caller_of_key=caller_of_key,
            gateway_key=context.settings.gateway_node.credential(context.settings.storage.places),
        )

        self.sessions = Sessions(database=database, clock=clock, access=self.access)
        flow = login_flow(context.settings.oidc)
        self.single_sign_on = None if flow is None else SingleSignOn(flow, self.sessions)

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
