"""Keys that issuers publish at an address: fetched when an issuer is trusted, and again every few minutes.

While an issuer is away, or publishes what is no set of keys, its last good keys go on to count.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import structlog

from modelyard.audit.service import AuditLog, lock_chain
from modelyard.db import Database
from modelyard.errors import Invalid, Unavailable
from modelyard.ports.clock import Clock
from modelyard.ports.key_sets import KeySets
from modelyard.principals import Principal, Role
from modelyard.subscriptions import rule_store
from modelyard.subscriptions.domain import Issuer
from modelyard.subscriptions.jwks import public_keys

logger = structlog.get_logger()

KEYS_SECONDS = 5.0
"""Between two looks at which issuers are to be asked again."""
_ASKED_AT_ONCE = 8
_LONGEST_ERROR = 500


class PublishedKeys:
    """Args:
    every: how old the keys of an issuer may be before it is asked again.
    """

    def __init__(
        self, *, database: Database, clock: Clock, audit: AuditLog, key_sets: KeySets, every: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._key_sets = key_sets
        self._every = every

    def at(self, url: str) -> str:
        """The keys that are published there now, checked.

        Raises:
            Unavailable: code `jwks_unavailable`.
            Invalid: code `jwks_invalid`.
        """
        content = self._key_sets.fetch(url)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as exc:
            raise Invalid("expected a document of JSON with keys", code="jwks_invalid", field="jwks_url") from exc
        return public_keys(document)

    def make_pass(self) -> bool:
        """Ask those issuers that were not asked for long. Nothing more is to be done before the next pass."""
        with self._database.read() as connection:
            due = rule_store.issuers_asked_before(connection, self._clock.now() - self._every)
        if due:
            with ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="issuers") as pool:
                answers = list(pool.map(self._ask, due))
            for issuer, (keys, error) in zip(due, answers, strict=True):
                self._note(issuer, keys, error)
        return False

    def _ask(self, issuer: Issuer) -> tuple[str | None, str | None]:
        """Its keys, or why there are none."""
        try:
            return self.at(issuer.jwks_url or ""), None
        except (Unavailable, Invalid) as exc:
            return None, exc.message[:_LONGEST_ERROR]

    def _note(self, issuer: Issuer, keys: str | None, error: str | None) -> None:
        """Write the answer down, unless the issuer was changed meanwhile."""
        now = self._clock.now()
        if error is not None:
            logger.warning("an issuer's keys cannot be fetched", issuer=issuer.subject, error=error)
        with self._database.write() as connection:
            if keys is None or keys == issuer.jwks:
                rule_store.change_issuer(connection, issuer, jwks_asked_at=now, jwks_error=error)
                return
            lock_chain(connection, issuer.tenant_id)
            is_noted = rule_store.change_issuer(
                connection,
                issuer,
                jwks=keys,
                jwks_asked_at=now,
                jwks_error=None,
                updated_at=now,
                revision=issuer.revision + 1,
            )
            if is_noted:
                self._audit.record(
                    connection,
                    principal=Principal(tenant_id=issuer.tenant_id, subject="modelyard", role=Role.ADMIN),
                    action="token_issuer.keys_changed",
                    subject=issuer.subject,
                    before={"keys": _key_ids(issuer.jwks)},
                    after={"keys": _key_ids(keys)},
                )


def _key_ids(jwks: str) -> list[str | None]:
    return [key.get("kid") for key in json.loads(jwks)["keys"]]
