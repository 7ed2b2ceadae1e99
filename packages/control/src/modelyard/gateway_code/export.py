"""The gateway's objects in other forms: a file for `apply`, a program of Pulumi, a file of Bicep."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from modelyard.apim.export import Declared, NewService, bicep_file, declared, pulumi_program
from modelyard.apim.service import AzureGateway, refuse_unsupported
from modelyard.errors import Invalid
from modelyard.gateway.table import RouteTable
from modelyard.gateway_code.azure_file import azure_file
from modelyard.gateway_code.gateway_api import gateway_api_objects
from modelyard.gateway_code.service import GatewayCode
from modelyard.gateway_code.writing import dumped
from modelyard.principals import Principal

_SHOWN = 20
"""Refusals that a sentence names."""


class Format(StrEnum):
    """What the objects are written as."""

    MODELYARD = "modelyard"
    """YAML that `apply` takes."""
    PULUMI = "pulumi"
    """A program in Python for Azure API Management."""
    BICEP = "bicep"
    GATEWAY_API = "gateway-api"
    """Objects of Kubernetes, in YAML."""


_FILE_NAMES: Mapping[Format, str] = {
    Format.MODELYARD: "gateway.yaml",
    Format.PULUMI: "__main__.py",
    Format.BICEP: "main.bicep",
    Format.GATEWAY_API: "routes.yaml",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A file."""

    format: Format
    file_name: str
    content: str


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What an export holds besides the objects themselves."""

    service: NewService | None = None
    """That the program makes, in place of naming one that is there."""
    passes_all: bool = False
    """At Azure, whether an API without a document gets operations that pass on every path."""
    gateway: str = "modelyard"
    """The Gateway of Kubernetes that routes are attached to."""
    namespace: str = "default"
    is_partial: bool = False
    """Whether the Gateway API's objects leave out what they cannot say, and name it in comments."""


class Exports:
    """Args:
    table: what the gateway would route by now.
    """

    def __init__(self, *, code: GatewayCode, azure: AzureGateway, table: Callable[[], RouteTable]) -> None:
        self._azure = azure
        self._code = code
        self._table = table
        self._writers: Mapping[Format, Callable[[Principal, ExportOptions], str]] = {
            Format.MODELYARD: lambda principal, _: code.export(principal),
            Format.PULUMI: lambda principal, options: pulumi_program(self._declared(principal, options)),
            Format.BICEP: lambda principal, options: bicep_file(self._declared(principal, options)),
            Format.GATEWAY_API: self._gateway_api,
        }

    def export(self, principal: Principal, what: Format, options: ExportOptions) -> Exported:
        """The caller's gateway in a format.

        Raises:
            Invalid: code `apim_unsupported` or `gateway_api_unsupported`: it has what the format cannot say; the
                sentence names each field.
        """
        return Exported(what, _FILE_NAMES[what], self._writers[what](principal, options))

    def pulled(self, principal: Principal) -> Exported:
        """What Azure API Management has, as a file that `apply` takes; what cannot stand in one is a comment.

        Raises:
            NotFound: code `apim_not_configured` or `apim_service_not_found`.
            Unavailable: Azure does not answer.
        """
        found = azure_file(self._azure.stored(principal), self._code.declared(principal))
        comments = "".join(f"# left out: {' '.join(line.split())}\n" for line in found.left_out)
        content = comments + (dumped(found.content) if found.content else "")
        return Exported(Format.MODELYARD, _FILE_NAMES[Format.MODELYARD], content)

    def _declared(self, principal: Principal, options: ExportOptions) -> Declared:
        wanted = self._azure.wanted(principal, passes_all=options.passes_all)
        refuse_unsupported(wanted.refusals)
        return declared(wanted, service=options.service)

    def _gateway_api(self, principal: Principal, options: ExportOptions) -> str:
        """The routes of the caller's tenant."""
        table = self._table()
        own = tuple(route for route in table.routes if route.tenant_id == principal.tenant_id)
        found = gateway_api_objects(
            RouteTable(own, table.backends), gateway=options.gateway, namespace=options.namespace
        )
        if found.refusals and not options.is_partial:
            raise Invalid(
                f"the Gateway API cannot say: {'; '.join(each.sentence for each in found.refusals[:_SHOWN])}",
                code="gateway_api_unsupported",
            )
        left_out = [*(each.sentence for each in found.refusals), *found.notes]
        comments = "".join(f"# left out: {' '.join(line.split())}\n" for line in left_out)
        return comments + dumped(*found.objects)
