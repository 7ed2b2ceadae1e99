"""The routes of the gateway as code: apply files, and export."""

from typing import Annotated

from fastapi import Depends, Query

from modelyard.apim.export import NewService
from modelyard.errors import Invalid
from modelyard.gateway_code.export import ExportOptions, Exports, Format
from modelyard.gateway_code.schemas import ApplyAnswer, ApplyRequest, ExportAnswer
from modelyard.gateway_code.service import GatewayCode
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.GATEWAY_WRITE))]
Text = Annotated[str | None, Query(min_length=1, max_length=100)]
Sku = Annotated[str, Query(pattern="^[A-Za-z0-9]{1,30}$")]
ObjectName = Annotated[str, Query(pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Capacity = Annotated[int, Query(ge=0, le=100)]
PREFIX = "/api/v1/gateway"


def gateway_code_routes(code: GatewayCode, exports: Exports) -> APIRouter:
    """Files below `/api/v1/gateway`."""
    router = APIRouter(prefix=PREFIX, tags=["gateway"])

    @router.post("/apply")
    def apply(caller: Write, body: ApplyRequest) -> ApplyAnswer:
        """Make the gateway what the files say, as a whole or not at all."""
        return ApplyAnswer.of(code.apply(caller, body.sources(), prunes=body.prune, is_dry=body.dry_run))

    @router.get("/export", dependencies=OF_OWN_TENANT)
    def export(
        caller: Read,
        *,
        format: Format = Format.MODELYARD,  # noqa: A002 - the parameter's name on the wire
        operations: bool = False,
        publisher_name: Text = None,
        publisher_email: Text = None,
        sku: Sku = "Consumption",
        capacity: Capacity = 0,
        gateway: ObjectName = "modelyard",
        namespace: ObjectName = "default",
        partial: bool = False,
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
        options = ExportOptions(
            service=service, passes_all=operations, gateway=gateway, namespace=namespace, is_partial=partial
        )
        found = exports.export(caller, format, options)
        return ExportAnswer(format=found.format, file_name=found.file_name, content=found.content)

    @router.get("/azure-apim/file", dependencies=OF_OWN_TENANT)
    def pull(caller: Read) -> ExportAnswer:
        """Write what Azure API Management has as a file that `apply` takes."""
        found = exports.pulled(caller)
        return ExportAnswer(format=found.format, file_name=found.file_name, content=found.content)

    return router
