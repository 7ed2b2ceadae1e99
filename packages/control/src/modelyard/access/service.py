"""Opens the door to who has a valid token, and makes the first one. A secret leaves it once and is never stored."""

from uuid import uuid4

from modelyard.access import store
from modelyard.access.domain import Principal, Role, Token, new_token_secret, token_digest
from modelyard.db import Database
from modelyard.errors import Unauthenticated
from modelyard.ports.clock import Clock

FIRST_TENANT = "default"


class AccessService:
    """Authentication. With `is_open` (loopback only) everybody is the first tenant's administrator."""

    def __init__(self, *, database: Database, clock: Clock, is_open: bool) -> None:
        self._database = database
        self._clock = clock
        self._is_open = is_open

    def authenticate(self, authorization: str | None) -> Principal:
        """The caller behind an `Authorization` header.

        Raises:
            Unauthenticated: no header, another scheme, or a token that is unknown, expired or revoked; the three
                last are told alike.
        """
        if self._is_open:
            return Principal(tenant_id=FIRST_TENANT, subject="anonymous", role=Role.ADMIN)
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Unauthenticated("this call needs the header 'Authorization: Bearer <token>'", code="token_missing")
        with self._database.read() as connection:
            token = store.find_token(connection, token_digest(secret.strip()))
        if token is None or not token.is_valid(self._clock.now()):
            raise Unauthenticated("the token is unknown, expired or revoked", code="token_invalid")
        return Principal(tenant_id=token.tenant_id, subject=token.subject, role=token.role)

    def first_token(self) -> str | None:
        """Make the first tenant and its administrator's token.

        Returns:
            the secret, or None when there are tokens already: it cannot be told again.
        """
        now = self._clock.now()
        secret = new_token_secret()
        with self._database.write() as connection:
            store.add_tenant(connection, tenant_id=FIRST_TENANT, name=FIRST_TENANT, created_at=now)
            if store.has_tokens(connection):
                return None
            store.add_token(
                connection,
                Token(
                    token_id=f"token-{uuid4().hex}",
                    tenant_id=FIRST_TENANT,
                    subject="admin",
                    role=Role.ADMIN,
                    digest=token_digest(secret),
                    created_at=now,
                    expires_at=None,
                    revoked_at=None,
                ),
            )
        return secret
