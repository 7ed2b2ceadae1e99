"""The gateway's objects in other forms: a program of Pulumi, a file of Bicep."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from modelyard.apim.export import Declared, NewService, bicep_file, declared, pulumi_program
from modelyard.apim.service import AzureGateway, refuse_unsupported
from modelyard.principals import Principal


class Format(StrEnum):
    """What the objects are written as."""

    PULUMI = "pulumi"
    """A program in Python for Azure API Management."""
    BICEP = "bicep"


_FILE_NAMES: Mapping[Format, str] = {
    Format.PULUMI: "__main__.py",
    Format.BICEP: "main.bicep",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A file."""

    format: Format
    file_name: str
    content: str


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What an export for Azure holds besides the objects themselves."""

    service: NewService | None = None
    """That the program makes, in place of naming one that is there."""
    passes_all: bool = False
    """Whether an API without a document gets operations that pass on every path."""


class Exports:
    """All formats."""

    def __init__(self, *, azure: AzureGateway) -> None:
        self._azure = azure
        self._writers: Mapping[Format, Callable[[Principal, ExportOptions], str]] = {
            Format.PULUMI: lambda principal, options: pulumi_program(self._declared(principal, options)),
            Format.BICEP: lambda principal, options: bicep_file(self._declared(principal, options)),
        }

    def export(self, principal: Principal, what: Format, options: ExportOptions) -> Exported:
        """The caller's gateway in a format.

        Raises:
            Invalid: code `apim_unsupported`: it has what the format cannot say; the sentence names each field.
        """
        return Exported(what, _FILE_NAMES[what], self._writers[what](principal, options))

    def _declared(self, principal: Principal, options: ExportOptions) -> Declared:
        wanted = self._azure.wanted(principal, passes_all=options.passes_all)
        refuse_unsupported(wanted.refusals)
        return declared(wanted, service=options.service)
