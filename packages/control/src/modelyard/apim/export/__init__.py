"""The gateway's objects as programs that declare the same resources of Azure API Management: Pulumi and Bicep. Pure."""

from modelyard.apim.export.bicep import bicep_file
from modelyard.apim.export.declared import Declared, NewService, declared
from modelyard.apim.export.pulumi import pulumi_program

__all__ = ["Declared", "NewService", "bicep_file", "declared", "pulumi_program"]
