"""The routes of the gateway as code: export."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from modelyard.apim.export import NewService
from modelyard.errors import Invalid
from modelyard.gateway_code.export import ExportOptions, Exports, Format
from modelyard.gateway_code.schemas import ExportAnswer
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Text = Annotated[str | None, Query(min_length=1, max_length=100)]
Sku = Annotated[str, Query(pattern="^[A-Za-z0-9]{1,30}$")]
Capacity = Annotated[int, Query(ge=0, le=100)]
PREFIX = "/api/v1/gateway"


def gateway_code_routes(exports: Exports) -> APIRouter:
    """Files below `/api/v1/gateway`."""
    router = APIRouter(prefix=PREFIX, tags=["gateway"])

    @router.get("/export", dependencies=OF_OWN_TENANT)
    def export(
        caller: Read,
        *,
        format: Format,  # noqa: A002 - the parameter's name on the wire
        operations: bool = False,
        publisher_name: Text = None,
        publisher_email: Text = None,
        sku: Sku = "Consumption",
        capacity: Capacity = 0,
    ) -> ExportAnswer:
        """Write the gateway's objects as code. With a publisher, a program makes the service, too."""
        if (publisher_name is None) != (publisher_email is None):
            raise Invalid(
                "publisher_email: expected both the publisher's name and address, or none of them",
                code="request_invalid",
                field="publisher_email",
            )
        service = None
        if publisher_name is not None and publisher_email is not None:
            service = NewService(publisher_name, publisher_email, sku, capacity)
        found = exports.export(caller, format, ExportOptions(service=service, passes_all=operations))
        return ExportAnswer(format=found.format, file_name=found.file_name, content=found.content)

    return router
