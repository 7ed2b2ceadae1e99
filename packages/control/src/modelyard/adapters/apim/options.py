"""Which service of Azure API Management, as MODELYARD_APIM has it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelyard.errors import Invalid
from modelyard.findings import findings


class ApimOptions(BaseModel):
    """The service, and who the control plane is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subscription_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")
    resource_group: str = Field(pattern=r"^[\w.()-]{1,90}$")
    service_name: str = Field(pattern=r"^[a-zA-Z](?:[a-zA-Z0-9-]{0,48}[a-zA-Z0-9])?$")
    client_id: str | None = None
    """Of the managed identity, where the control plane has several."""
    resource_manager: str = Field(
        default="https://management.azure.com", pattern=r"^(https://[A-Za-z0-9.-]+|http://127\.0\.0\.1:[0-9]+)$"
    )
    """Of another cloud than the public one; plain HTTP only where nothing leaves this machine."""

    @property
    def service_path(self) -> str:
        """The id of the service, of which the ids of its resources are made."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.ApiManagement/service/{self.service_name}"


def read_options(given: Mapping[str, Any]) -> ApimOptions:
    """The options, checked.

    Raises:
        Invalid: code `setting_invalid`; the message names each that is wrong.
    """
    try:
        return ApimOptions.model_validate(given)
    except ValidationError as exc:
        wrong = "; ".join(each.sentence for each in findings(exc))
        raise Invalid(f"MODELYARD_APIM: {wrong}", code="setting_invalid", field="apim") from exc
