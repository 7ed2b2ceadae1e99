"""`?tenant_id=` of a list: a caller may name its own tenant, and no other."""

from typing import Annotated

from fastapi import Depends, Query, Request

from modelyard.errors import NotFound
from modelyard.http.middleware.authentication import principal_of

TENANT_ID = "tenant_id"


async def _own_tenant(
    request: Request,
    tenant: Annotated[str | None, Query(alias=TENANT_ID, description="the caller's own; another's is refused")] = None,
) -> None:
    if tenant not in (None, principal_of(request.scope).tenant_id):
        # The same answer whether there is such a tenant or not: nobody can guess another's name.
        raise NotFound("tenant_id: there is no such tenant for this token", code="tenant_not_found", field=TENANT_ID)


OF_OWN_TENANT = [Depends(_own_tenant)]
"""The `dependencies` of a route that lists."""
