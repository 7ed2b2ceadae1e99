"""Reads and writes issuers of tokens and limits of APIs."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from modelyard.subscriptions.domain import ApiLimits, Issuer
from modelyard.subscriptions.limits import Limits
from modelyard.subscriptions.tables import api_limits, issuers


def put_issuer(connection: Connection, issuer: Issuer) -> None:
    """Insert an issuer in place of the one with its id."""
    remove_issuer(connection, issuer.tenant_id, issuer.issuer_id)
    connection.execute(
        insert(issuers).values(
            tenant_id=issuer.tenant_id,
            id=issuer.issuer_id,
            issuer=issuer.issuer,
            audiences=list(issuer.audiences),
            jwks=issuer.jwks,
            jwks_url=issuer.jwks_url,
            jwks_asked_at=issuer.jwks_asked_at,
            jwks_error=issuer.jwks_error,
            client_claim=issuer.client_claim,
            required_claims=[list(claim) for claim in issuer.required_claims],
            created_by=issuer.created_by,
            created_at=issuer.created_at,
            updated_at=issuer.updated_at,
            revision=issuer.revision,
        )
    )


def remove_issuer(connection: Connection, tenant_id: str, issuer_id: str) -> None:
    """Delete an issuer, if it is there."""
    connection.execute(delete(issuers).where(issuers.c.tenant_id == tenant_id, issuers.c.id == issuer_id))


def find_issuer(connection: Connection, tenant_id: str, issuer_id: str) -> Issuer | None:
    """One issuer of a tenant."""
    query = select(issuers).where(issuers.c.tenant_id == tenant_id, issuers.c.id == issuer_id)
    row = connection.execute(query).first()
    return None if row is None else _issuer_of(row)


def issuers_of(connection: Connection, tenant_id: str | None = None) -> list[Issuer]:
    """Those of a tenant, or of all."""
    query = select(issuers).order_by(issuers.c.tenant_id, issuers.c.id)
    if tenant_id is not None:
        query = query.where(issuers.c.tenant_id == tenant_id)
    return [_issuer_of(row) for row in connection.execute(query)]


def issuers_asked_before(connection: Connection, moment: datetime) -> list[Issuer]:
    """Those of all tenants that publish their keys, and were asked last before a moment."""
    query = select(issuers).where(issuers.c.jwks_url.is_not(None), issuers.c.jwks_asked_at < moment)
    return [_issuer_of(row) for row in connection.execute(query.order_by(issuers.c.tenant_id, issuers.c.id))]


def change_issuer(connection: Connection, issuer: Issuer, **values: Any) -> bool:
    """Write some columns, if nobody else did since the issuer was read."""
    statement = update(issuers).where(
        issuers.c.tenant_id == issuer.tenant_id,
        issuers.c.id == issuer.issuer_id,
        issuers.c.revision == issuer.revision,
    )
    return connection.execute(statement.values(**values)).rowcount == 1


def put_api_limits(connection: Connection, limits: ApiLimits) -> None:
    """Insert limits of an API in place of those that it has."""
    remove_api_limits(connection, limits.tenant_id, limits.api_id)
    connection.execute(
        insert(api_limits).values(
            tenant_id=limits.tenant_id,
            api_id=limits.api_id,
            limits=limits.limits.to_json(),
            updated_at=limits.updated_at,
            revision=limits.revision,
        )
    )


def remove_api_limits(connection: Connection, tenant_id: str, api_id: str) -> None:
    """Delete limits of an API, if it has some."""
    connection.execute(delete(api_limits).where(api_limits.c.tenant_id == tenant_id, api_limits.c.api_id == api_id))


def find_api_limits(connection: Connection, tenant_id: str, api_id: str) -> ApiLimits | None:
    """Limits of one API."""
    query = select(api_limits).where(api_limits.c.tenant_id == tenant_id, api_limits.c.api_id == api_id)
    row = connection.execute(query).first()
    return None if row is None else _api_limits_of(row)


def api_limits_of(connection: Connection, tenant_id: str | None = None) -> list[ApiLimits]:
    """Those of a tenant's APIs, or of all."""
    query = select(api_limits).order_by(api_limits.c.tenant_id, api_limits.c.api_id)
    if tenant_id is not None:
        query = query.where(api_limits.c.tenant_id == tenant_id)
    return [_api_limits_of(row) for row in connection.execute(query)]


def _issuer_of(row: Row[Any]) -> Issuer:
    return Issuer(
        issuer_id=row.id,
        tenant_id=row.tenant_id,
        issuer=row.issuer,
        audiences=tuple(row.audiences),
        jwks=row.jwks,
        jwks_url=row.jwks_url,
        jwks_asked_at=row.jwks_asked_at,
        jwks_error=row.jwks_error,
        client_claim=row.client_claim,
        required_claims=tuple((claim, value) for claim, value in row.required_claims),
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )


def _api_limits_of(row: Row[Any]) -> ApiLimits:
    return ApiLimits(
        api_id=row.api_id,
        tenant_id=row.tenant_id,
        limits=Limits.of_json(row.limits),
        updated_at=row.updated_at,
        revision=row.revision,
    )
