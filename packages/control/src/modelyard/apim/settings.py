"""Which service of Azure API Management gets the gateway's objects."""

from typing import Any

from pydantic import Field

from modelyard.naming import MAX_LABEL
from modelyard.principals import FIRST_TENANT
from modelyard.setting_group import SettingGroup


class ApimSettings(SettingGroup):
    """Azure API Management as a further data plane."""

    apim: dict[str, Any] | None = None
    """The service, as JSON: `{"subscription_id": "…", "resource_group": "…", "service_name": "…"}`. None: none gets
    anything."""
    apim_backend_url: str | None = Field(default=None, pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*)?$")
    """Where Azure reaches the gateway of this platform, for APIs that lead to its models."""
    apim_tenant: str = Field(default=FIRST_TENANT, max_length=MAX_LABEL)
    """The one tenant whose gateway is pushed; a service has one namespace of APIs."""
