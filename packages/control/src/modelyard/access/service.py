"""Opens the door to who has a valid token, and makes the first one. A secret leaves it once and is never stored."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from modelyard.access import store, token_store
from modelyard.access.claims import ClaimRules
from modelyard.access.domain import TOKEN_PREFIX, Member, MemberKind, Tenant, Token, token_digest
from modelyard.access.failures import FailedLogins, address_key
from modelyard.access.principal_cache import Authenticated, CachedPrincipal, PrincipalCache
from modelyard.access.quotas import Quotas
from modelyard.access.tokens import Tokens
from modelyard.db import Database
from modelyard.errors import Forbidden, Unauthenticated, Unavailable
from modelyard.gateway_node.control_plane import CREDENTIAL_PREFIX
from modelyard.ports.clock import Clock
from modelyard.ports.identity import IdentityProvider
from modelyard.principals import FIRST_TENANT, GATEWAY_SUBJECT, LOCAL_SUBJECT, Permission, Principal, Role

logger = structlog.get_logger()

_USE_GRAIN = timedelta(minutes=1)
_PREFIX_LENGTH = len(TOKEN_PREFIX) + 5


@dataclass(frozen=True, slots=True)
class Federation:
    """An identity provider whose tokens are let in, and what their claims mean."""

    provider: IdentityProvider
    rules: ClaimRules


@dataclass(frozen=True, slots=True)
class FederatedToken:
    """A token of an identity provider.

    Attributes:
        role: what its claims give; None where members have the role that they have here.
    """

    role: Role | None
    expires_at: datetime


class AccessService:
    """Authentication. With `is_open` (loopback only) who sends no token is the first tenant's administrator.

    A token that is sent counts there too: one that is not valid is refused.

    Args:
        gateway_key: with which nodes of the gateway log in; none does without one.
        caller_of_key: who has a subscription key; None when it is none, or opens nothing.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        tokens: Tokens,
        is_open: bool,
        failures: FailedLogins,
        federation: Federation | None = None,
        gateway_key: str | None = None,
        caller_of_key: Callable[[str], Principal | None] = lambda _: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._tokens = tokens
        self._is_open = is_open
        self._failures = failures
        self._federation = federation
        self._gateway_key = gateway_key
        self._caller_of_key = caller_of_key
        self._cache = PrincipalCache()

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked who they are."""
        return self._is_open

    def federated_token(self, token: str) -> FederatedToken | None:
        """What an identity provider says of a token of its own; None of others.

        Raises:
            Unauthenticated: it does not let it in.
            Unavailable: the identity provider does not answer.
        """
        is_ours = token.startswith((TOKEN_PREFIX, CREDENTIAL_PREFIX)) or self._caller_of_key(token) is not None
        if self._federation is None or is_ours:
            return None
        claims = self._federation.provider.claims(token)
        return _federated_token(self._federation, claims)

    def authenticate_claims(
        self, ask: Callable[[], Mapping[str, Any]], *, address: str | None
    ) -> tuple[Principal, FederatedToken]:
        """The caller of whom the identity provider says these claims, which were checked.

        Args:
            ask: gives the claims; it is not asked for an address whose tries failed too often.

        Raises:
            Unauthenticated: they let nobody in, or what `ask` raises.
            Busy: code `too_many_failed_logins`.
            Forbidden: code `tenant_suspended`.
            Unavailable: the database, or the identity provider, does not answer.
        """
        if self._federation is None:
            raise Unauthenticated("there is no identity provider here", code="token_invalid")
        origin = address_key(address)
        self._failures.refuse(origin)
        try:
            claims = ask()
            return self._federated(self._federation, claims), _federated_token(self._federation, claims)
        except Unauthenticated:
            self._failures.note(origin)
            raise

    def cached_principal(self, authorization: str | None, *, address: str | None) -> CachedPrincipal | None:
        """The caller behind a header that was authenticated a moment ago, who counts at the same number of changes.

        Does not query the database.

        Raises:
            Busy: code `too_many_failed_logins`.
        """
        found = self._cache.get(authorization or "", now=self._clock.now())
        if found is not None and not found.principal.is_local:
            self._failures.refuse(address_key(address))
        return found

    def authenticate(
        self, authorization: str | None, *, address: str | None = None, change_number: int | None = None
    ) -> Principal:
        """The caller behind an `Authorization` header, cached when the number of changes of before is given.

        An address whose tries failed too often is refused unread. A token's beginning that was tried too often, from
        anywhere, is refused only where the token is wrong: so nobody can lock another one out.

        Raises:
            Unauthenticated: no header, another scheme, or a token that is not let in. Of ours, unknown, expired and
                revoked ones get the same error.
            Busy: code `too_many_failed_logins`.
            Forbidden: code `tenant_suspended`.
            Unavailable: the database, or the identity provider, does not answer.
        """
        authenticated = self._authenticate(authorization, address)
        if change_number is not None and authenticated.until is not None:
            self._cache.put(authorization or "", authenticated, change_number=change_number)
        return authenticated.principal

    def _authenticate(self, authorization: str | None, address: str | None) -> Authenticated:
        if self._is_open and authorization is None:
            local = Principal(tenant_id=FIRST_TENANT, subject=LOCAL_SUBJECT, role=Role.ADMIN)
            return Authenticated(local, self._clock.now() + _USE_GRAIN)
        scheme, _, secret = (authorization or "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise Unauthenticated("this call needs the header 'Authorization: Bearer <token>'", code="token_missing")
        origin, beginning = address_key(address), f"token:{secret[:_PREFIX_LENGTH]}"
        self._failures.refuse(origin)
        try:
            if secret.startswith(CREDENTIAL_PREFIX):
                return self._gateway_node(secret.removeprefix(CREDENTIAL_PREFIX))
            if (caller := self._caller_of_key(secret)) is not None:
                return self._subscriber(caller)
            if self._federation is not None and not secret.startswith(TOKEN_PREFIX):
                claims = self._federation.provider.claims(secret)
                return Authenticated(self._federated(self._federation, claims), until=None)
            return self._own(secret)
        except Unauthenticated:
            self._failures.note(origin)
            # All tokens of an issuer begin alike, so their beginning says nothing.
            if secret.startswith(TOKEN_PREFIX):
                self._failures.refuse(beginning)
                self._failures.note(beginning)
            raise

    def standing_in(
        self, tenant_id: str, subject: str, *, scopes: frozenset[Permission] | None, made_by: frozenset[str]
    ) -> Principal:
        """Who somebody is now that made something which acts in their name later, with no more than they had then.

        Raises:
            Forbidden: code `tenant_suspended`, or `member_unknown` when they are no member, or none any more.
        """
        if self._is_open and subject == LOCAL_SUBJECT:
            return Principal(tenant_id=tenant_id, subject=subject, role=Role.ADMIN)
        with self._database.read() as connection:
            tenant = store.find_tenant(connection, tenant_id)
            member = store.find_member(connection, tenant_id, subject)
        refuse_suspended(tenant)
        if member is None or member.removed_at is not None:
            raise Forbidden(
                f"'{subject}' is not a member of the tenant '{tenant_id}', so nothing can act in their name",
                code="member_unknown",
            )
        return Principal(tenant_id=tenant_id, subject=subject, role=member.role, scopes=scopes, made_by=made_by)

    def first_token(self, *, keep: Callable[[str], None] = lambda _: None) -> str | None:
        """Make the first tenant and its administrator's token.

        `keep` puts the secret where its owner finds it, before it opens the door: a crash in between leaves a secret
        that opens nothing, and the next start makes another.

        Returns:
            the secret, or None when there are tokens already: it cannot be read again.
        """
        now = self._clock.now()
        maker = Principal(tenant_id=FIRST_TENANT, subject="modelyard", role=Role.ADMIN)
        admin = Member(
            tenant_id=FIRST_TENANT,
            subject="admin",
            kind=MemberKind.PERSON,
            role=Role.ADMIN,
            created_at=now,
            created_by=maker.subject,
        )
        tenant = Tenant(tenant_id=FIRST_TENANT, name=FIRST_TENANT, quotas=Quotas(), created_at=now)
        with self._database.write() as connection:
            store.add_tenant(connection, tenant)
            if token_store.has_tokens(connection):
                return None
            _, secret = self._tokens.give_first(connection, maker, admin)
            keep(secret)
        return secret

    def _gateway_node(self, key: str) -> Authenticated:
        if self._gateway_key is None or not hmac.compare_digest(key.encode(), self._gateway_key.encode()):
            raise _invalid()
        scopes = frozenset({Permission.GATEWAY_SERVE})
        return Authenticated(Principal(FIRST_TENANT, GATEWAY_SUBJECT, Role.ADMIN, scopes=scopes), until=None)

    def _subscriber(self, caller: Principal) -> Authenticated:
        """It is not cached: a key that is revoked opens nothing from then on."""
        with self._database.read() as connection:
            refuse_suspended(store.find_tenant(connection, caller.tenant_id))
        return Authenticated(caller, until=None)

    def _own(self, secret: str) -> Authenticated:
        now = self._clock.now()
        with self._database.read() as connection:
            found = token_store.find_by_digest(connection, token_digest(secret))
            tenant = None if found is None else store.find_tenant(connection, found[0].tenant_id)
        if found is None:
            raise _invalid()
        token, member = found
        if not token.is_valid(now) or member.removed_at is not None:
            raise _invalid()
        refuse_suspended(tenant)
        self._note_use(token)
        principal = Principal(
            tenant_id=token.tenant_id,
            subject=token.subject,
            role=member.role,
            scopes=token.scopes,
            made_by=token.made_by,
        )
        until = now + _USE_GRAIN  # So that its use is written down every minute.
        return Authenticated(principal, until if token.expires_at is None else min(until, token.expires_at))

    def _federated(self, federation: Federation, claims: Mapping[str, Any]) -> Principal:
        identity = federation.rules.identity(claims)
        with self._database.read() as connection:
            tenant = store.find_tenant(connection, identity.tenant_id)
            member = store.find_member(connection, identity.tenant_id, identity.subject)
        if tenant is None:
            raise Unauthenticated("the token's tenant is not one of ours", code="tenant_unknown")
        if member is not None and member.removed_at is not None:
            raise Unauthenticated("the token's bearer is not a member any more", code="member_unknown")
        role = identity.role or (None if member is None else member.role)
        if role is None:
            raise Unauthenticated("the token's bearer is not a member", code="member_unknown")
        refuse_suspended(tenant)
        return Principal(tenant_id=tenant.tenant_id, subject=identity.subject, role=role)

    def _note_use(self, token: Token) -> None:
        """Write when the token was used, at most once a minute. That it cannot be written keeps nobody out."""
        now = self._clock.now()
        if token.last_used_at is not None and now - token.last_used_at < _USE_GRAIN:
            return
        try:
            with self._database.write() as connection:
                token_store.note_use(connection, token.token_id, at=now, grain=_USE_GRAIN)
        except Unavailable as exc:
            logger.warning("a token's use was not written down", token_id=token.token_id, reason=exc.message)


def _federated_token(federation: Federation, claims: Mapping[str, Any]) -> FederatedToken:
    identity = federation.rules.identity(claims)
    return FederatedToken(role=identity.role, expires_at=datetime.fromtimestamp(claims["exp"], UTC))


def _invalid() -> Unauthenticated:
    return Unauthenticated("the token is unknown, expired or revoked", code="token_invalid")


def refuse_suspended(tenant: Tenant | None) -> None:
    """Raise when nobody of the tenant is let in.

    Raises:
        Forbidden: code `tenant_suspended`.
    """
    if tenant is not None and tenant.suspended_at is not None:
        raise Forbidden("the tenant is suspended: ask the platform's operators", code="tenant_suspended")
