"""The routes of issuers of tokens and of limits of APIs."""

from typing import Annotated

from fastapi import Depends, Response

from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal
from modelyard.subscriptions.rules import Issuers, LimitsOfApis
from modelyard.subscriptions.schemas import (
    AllApiLimitsAnswer,
    ApiLimitsAnswer,
    IssuerAnswer,
    IssuerRequest,
    IssuersAnswer,
    LimitsBody,
)

ReadApis = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Read = Annotated[Principal, Depends(Requires(Permission.SUBSCRIPTIONS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.SUBSCRIPTIONS_WRITE))]
_PREFIX = "/api/v1/gateway"


def issuer_routes(issuers: Issuers) -> APIRouter:
    """Whose tokens are taken in place of a key."""
    router = APIRouter(prefix=f"{_PREFIX}/token-issuers", tags=["gateway"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_issuers(caller: Read) -> IssuersAnswer:
        """All issuers that are trusted."""
        return IssuersAnswer(issuers=[IssuerAnswer.of(each) for each in issuers.list(caller)])

    @router.put("/{issuer_id}")
    def put_issuer(
        caller: Write, issuer_id: str, body: IssuerRequest, expected: ExpectedRevision, response: Response
    ) -> IssuerAnswer:
        """Trust an issuer, or give its new keys."""
        issuer = issuers.put(
            caller,
            issuer_id,
            issuer=body.issuer,
            audiences=body.audiences,
            jwks=body.jwks,
            jwks_url=body.jwks_url,
            client_claim=body.client_claim,
            required_claims=body.required_claims,
            revision=expected,
        )
        set_etag(response, issuer.revision)
        return IssuerAnswer.of(issuer)

    @router.delete("/{issuer_id}", status_code=204)
    def delete_issuer(caller: Write, issuer_id: str) -> None:
        """Trust an issuer no more."""
        issuers.delete(caller, issuer_id)

    return router


def limit_routes(limits: LimitsOfApis) -> APIRouter:
    """Limits of APIs."""
    router = APIRouter(prefix=f"{_PREFIX}/api-limits", tags=["gateway"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_api_limits(caller: ReadApis) -> AllApiLimitsAnswer:
        """Limits of all APIs that have some."""
        return AllApiLimitsAnswer(limits=[ApiLimitsAnswer.of(each) for each in limits.list(caller)])

    @router.put("/{api_id}")
    def put_api_limits(caller: Write, api_id: str, body: LimitsBody) -> ApiLimitsAnswer:
        """Limit each subscription that calls an API."""
        return ApiLimitsAnswer.of(limits.put(caller, api_id, body.limits()))

    @router.delete("/{api_id}", status_code=204)
    def remove_api_limits(caller: Write, api_id: str) -> None:
        """Limit an API no more."""
        limits.delete(caller, api_id)

    return router
