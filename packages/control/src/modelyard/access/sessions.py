"""Sessions of people in the console. A session is opened with a token and ends with it; only its hash is stored."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from modelyard.access import session_store, store, token_store
from modelyard.access.domain import IDLE_SESSION, TOKEN_PREFIX, Session, Token, new_session_secret, token_digest
from modelyard.access.service import AccessService, FederatedToken, refuse_suspended
from modelyard.db import Database
from modelyard.errors import Forbidden, Unauthenticated, Unavailable
from modelyard.ports.clock import Clock
from modelyard.principals import Principal

logger = structlog.get_logger()

LONGEST = timedelta(hours=12)
_USE_GRAIN = timedelta(minutes=1)


class Sessions:
    """Opens sessions, and knows who has one. The secret of one is nothing that the API takes."""

    def __init__(self, *, database: Database, clock: Clock, access: AccessService) -> None:
        self._database = database
        self._clock = clock
        self._access = access

    @property
    def asks_nobody(self) -> bool:
        """Whether everybody is let in without a session."""
        return self._access.is_open

    def local(self) -> Principal:
        """Who everybody is where nobody is asked."""
        return self._access.authenticate(None)

    def open(self, token: str, *, address: str | None) -> tuple[str, Principal]:
        """Open a session with a token.

        Returns:
            the session's secret, which leaves here once, and whose it is.

        Raises:
            Unauthenticated: the token is not let in.
            Forbidden: code `session_refused` for the key of a program, else as for the API.
            Busy: code `too_many_failed_logins`.
        """
        principal = self._access.authenticate(f"Bearer {token}", address=address)
        own = self._own_token(token)
        federated = None if own is not None else self._access.federated_token(token)
        if own is None and federated is None:
            raise Forbidden(
                "token: expected the token of a member, got the key of a program", code="session_refused", field="token"
            )
        return self._add(principal, own=own, federated=federated), principal

    def open_with_claims(self, ask: Callable[[], Mapping[str, Any]], *, address: str | None) -> str:
        """Open a session with what an identity provider says; gives its secret, which leaves here once.

        Args:
            ask: gives the claims, which were checked.

        Raises:
            Unauthenticated: they let nobody in, or what `ask` raises.
            Busy: code `too_many_failed_logins`.
            Forbidden: code `tenant_suspended`.
        """
        principal, federated = self._access.authenticate_claims(ask, address=address)
        return self._add(principal, own=None, federated=federated)

    def _add(self, principal: Principal, *, own: Token | None, federated: FederatedToken | None) -> str:
        now = self._clock.now()
        opener = own or federated
        ends = None if opener is None else opener.expires_at
        latest = now + LONGEST
        secret = new_session_secret()
        session = Session(
            digest=token_digest(secret),
            tenant_id=principal.tenant_id,
            subject=principal.subject,
            token_id=None if own is None else own.token_id,
            role=None if federated is None else federated.role,
            opened_at=now,
            expires_at=latest if ends is None else min(latest, ends),
            last_used_at=now,
        )
        with self._database.write() as connection:
            session_store.forget_ended(connection, now=now, idle=IDLE_SESSION)
            session_store.add_session(connection, session)
        return secret

    def principal(self, secret: str, *, is_use: bool = True) -> Principal:
        """Who has this session, with what they may now.

        Args:
            is_use: whether a person did something; else the session goes on being idle.

        Raises:
            Unauthenticated: code `session_ended`.
            Forbidden: code `tenant_suspended`.
        """
        now = self._clock.now()
        with self._database.read() as connection:
            session = session_store.find_session(connection, token_digest(secret))
            if session is None or not session.is_open(now):
                raise _ended()
            token = (
                None
                if session.token_id is None
                else token_store.find_token(connection, session.tenant_id, session.token_id)
            )
            member = store.find_member(connection, session.tenant_id, session.subject)
            tenant = store.find_tenant(connection, session.tenant_id)
        if session.token_id is not None and (token is None or not token.is_valid(now)):
            raise _ended()
        if member is not None and member.removed_at is not None:
            raise _ended()
        role = session.role or (None if member is None else member.role)
        if role is None:
            raise _ended()
        refuse_suspended(tenant)
        if is_use:
            self._note_use(session, now)
        return Principal(
            tenant_id=session.tenant_id,
            subject=session.subject,
            role=role,
            scopes=None if token is None else token.scopes,
            made_by=frozenset() if token is None else token.made_by,
        )

    def close(self, secret: str) -> None:
        """End a session. Again: nothing more happens."""
        with self._database.write() as connection:
            session_store.delete_session(connection, token_digest(secret))

    def _own_token(self, secret: str) -> Token | None:
        if not secret.startswith(TOKEN_PREFIX):
            return None
        with self._database.read() as connection:
            found = token_store.find_by_digest(connection, token_digest(secret))
        return None if found is None else found[0]

    def _note_use(self, session: Session, now: datetime) -> None:
        """Write when it was used, at most once a minute. That it cannot be written keeps nobody out."""
        if now - session.last_used_at < _USE_GRAIN:
            return
        try:
            with self._database.write() as connection:
                session_store.note_use(connection, session.digest, at=now)
        except Unavailable as exc:
            logger.warning("a session's use was not written down", reason=exc.message)


def _ended() -> Unauthenticated:
    return Unauthenticated("the session has ended: log in again", code="session_ended")
