"""The verbs on issuers of tokens and on limits of APIs."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, NotFound
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.revision import check_revision
from modelyard.subscriptions import rule_store, store
from modelyard.subscriptions.domain import ApiLimits, Issuer, validate_id
from modelyard.subscriptions.jwks import public_keys
from modelyard.subscriptions.known import KnownTargets
from modelyard.subscriptions.limits import Limits


class Issuers:
    """Issuers of tokens of all tenants. Their keys are given, so that no string of a tenant is an address to us."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog) -> None:
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
        jwks: Any,
        client_claim: str,
        required_claims: Mapping[str, str],
        revision: int | None,
    ) -> Issuer:
        """Trust an issuer, or change what is known of it: its keys, when it has others.

        Raises:
            Invalid: code `id_invalid` or `jwks_invalid`.
            Precondition: code `revision_changed`.
        """
        validate_id(issuer_id, field="issuer_id")
        keys = public_keys(jwks)
        now = self._clock.now()
        with self._database.write() as connection:
            before = rule_store.find_issuer(connection, principal.tenant_id, issuer_id)
            check_revision(revision, 0 if before is None else before.revision, subject=f"token-issuers/{issuer_id}")
            made = Issuer(
                issuer_id=issuer_id,
                tenant_id=principal.tenant_id,
                issuer=issuer,
                audiences=tuple(audiences),
                jwks=keys,
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
        if not self._known.has_api(principal, api_id):
            raise NotFound(f"there is no API '{api_id}'", code="api_not_found")
        with self._database.write() as connection:
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
        "client_claim": issuer.client_claim,
        "required_claims": dict(issuer.required_claims),
    }
