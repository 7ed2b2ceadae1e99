"""The verbs on issuers of tokens and on limits of APIs."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.audit.service import AuditLog, lock_chain
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, NotFound, Unavailable
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.revision import check_revision
from modelyard.subscriptions import rule_store, store
from modelyard.subscriptions.domain import ApiLimits, Issuer, validate_id, validate_keys_url
from modelyard.subscriptions.jwks import public_keys
from modelyard.subscriptions.known import KnownTargets
from modelyard.subscriptions.limits import Limits
from modelyard.subscriptions.published_keys import PublishedKeys


class Issuers:
    """Issuers of tokens of all tenants. Their keys are given, or published at an address that was checked."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog, published: PublishedKeys) -> None:
        self._published = published
        self._database = database
        self._clock = clock
        self._audit = audit

    def put(
        self,
        principal: Principal,
        issuer_id: str,
        *,
        issuer: str,
        audiences: Sequence[str],
        jwks: Any | None,
        jwks_url: str | None,
        client_claim: str,
        required_claims: Mapping[str, str],
        revision: int | None,
    ) -> Issuer:
        """Trust an issuer, or change what is known of it: its keys, when it has others.

        Raises:
            Invalid: code `id_invalid`, `jwks_invalid`, `jwks_url_invalid`, or `jwks_unavailable` when nothing can be
                fetched at the address now.
            Precondition: code `revision_changed`.
        """
        validate_id(issuer_id, field="issuer_id")
        keys = self._keys(jwks, jwks_url)
        now = self._clock.now()
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            before = rule_store.find_issuer(connection, principal.tenant_id, issuer_id)
            check_revision(revision, 0 if before is None else before.revision, subject=f"token-issuers/{issuer_id}")
            made = Issuer(
                issuer_id=issuer_id,
                tenant_id=principal.tenant_id,
                issuer=issuer,
                audiences=tuple(audiences),
                jwks=keys,
                jwks_url=jwks_url,
                jwks_asked_at=None if jwks_url is None else now,
                jwks_error=None,
                client_claim=client_claim,
                required_claims=tuple(sorted(required_claims.items())),
                created_by=principal.subject if before is None else before.created_by,
                created_at=now if before is None else before.created_at,
                updated_at=now,
                revision=1 if before is None else before.revision + 1,
            )
            rule_store.put_issuer(connection, made)
            self._audit.record(
                connection,
                principal=principal,
                action="token_issuer.put",
                subject=made.subject,
                before=None if before is None else _audit_fields(before),
                after=_audit_fields(made),
            )
        return made

    def _keys(self, jwks: Any | None, url: str | None) -> str:
        if (jwks is None) == (url is None):
            got = "none" if jwks is None else "both"
            raise Invalid(f"jwks: expected one of jwks and jwks_url, got {got}", code="jwks_invalid", field="jwks")
        if url is None:
            return public_keys(jwks)
        try:
            return self._published.at(validate_keys_url(url))
        except Unavailable as exc:
            raise Invalid(f"jwks_url: {exc.message}", code=exc.code, field="jwks_url") from exc

    def list(self, principal: Principal) -> list[Issuer]:
        """All of the tenant."""
        with self._database.read() as connection:
            return rule_store.issuers_of(connection, principal.tenant_id)

    def delete(self, principal: Principal, issuer_id: str) -> None:
        """Trust an issuer no more.

        Raises:
            NotFound: code `issuer_not_found`.
            Conflict: code `issuer_in_use`: tokens of it stand for subscriptions.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            found = rule_store.find_issuer(connection, principal.tenant_id, issuer_id)
            if found is None:
                raise NotFound(f"there is no issuer '{issuer_id}'", code="issuer_not_found")
            if store.is_used(connection, principal.tenant_id, issuer_id=issuer_id):
                raise Conflict(
                    f"tokens of the issuer '{issuer_id}' stand for subscriptions: change these first",
                    code="issuer_in_use",
                )
            rule_store.remove_issuer(connection, principal.tenant_id, issuer_id)
            self._audit.record(
                connection,
                principal=principal,
                action="token_issuer.deleted",
                subject=found.subject,
                before=_audit_fields(found),
            )


class LimitsOfApis:
    """Limits of the APIs of all tenants."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog, known: KnownTargets) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._known = known

    def put(self, principal: Principal, api_id: str, limits: Limits) -> ApiLimits:
        """Limit an API from now on, in place of how it was.

        Raises:
            NotFound: code `api_not_found`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            if not self._known.has_api(connection, principal, api_id):
                raise NotFound(f"there is no API '{api_id}'", code="api_not_found")
            before = rule_store.find_api_limits(connection, principal.tenant_id, api_id)
            made = ApiLimits(
                api_id=api_id,
                tenant_id=principal.tenant_id,
                limits=limits,
                updated_at=self._clock.now(),
                revision=1 if before is None else before.revision + 1,
            )
            rule_store.put_api_limits(connection, made)
            self._audit.record(
                connection,
                principal=principal,
                action="api_limits.put",
                subject=made.subject,
                before=None if before is None else before.limits.to_json(),
                after=limits.to_json(),
            )
        return made

    def list(self, principal: Principal) -> list[ApiLimits]:
        """All of the tenant."""
        with self._database.read() as connection:
            return rule_store.api_limits_of(connection, principal.tenant_id)

    def delete(self, principal: Principal, api_id: str) -> None:
        """Limit an API no more.

        Raises:
            NotFound: code `limits_not_found`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            found = rule_store.find_api_limits(connection, principal.tenant_id, api_id)
            if found is None:
                raise NotFound(f"the API '{api_id}' has no limits", code="limits_not_found")
            rule_store.remove_api_limits(connection, principal.tenant_id, api_id)
            self._audit.record(
                connection,
                principal=principal,
                action="api_limits.removed",
                subject=found.subject,
                before=found.limits.to_json(),
            )


def _audit_fields(issuer: Issuer) -> dict[str, object]:
    return {
        "issuer": issuer.issuer,
        "audiences": list(issuer.audiences),
        "jwks_url": issuer.jwks_url,
        "client_claim": issuer.client_claim,
        "required_claims": dict(issuer.required_claims),
    }
