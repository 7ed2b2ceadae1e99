"""Where the management API listens, and who may call it from where."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import NoDecode

from modelyard.setting_group import COMMA_SEPARATED, SettingGroup
from modelyard.trusted_sources import TrustedSources, checked_host, checked_origin

_AllowedHost = Annotated[str, AfterValidator(checked_host)]
_AllowedOrigin = Annotated[str, AfterValidator(checked_origin)]


class HttpSettings(SettingGroup):
    """The management API's address, and the names by which it may be called."""

    host: str = "127.0.0.1"
    """The address on which the management API listens."""
    port: int = 8000
    """The port on which the management API listens."""
    allowed_hosts: Annotated[list[_AllowedHost], NoDecode, COMMA_SEPARATED] = Field(default=[])
    """With commas between them, without ports: names by which requests may call this server, besides those of loopback
    or, when it listens elsewhere, IP addresses. `*.example.com` is every name below `example.com`."""
    allowed_origins: Annotated[list[_AllowedOrigin], NoDecode, COMMA_SEPARATED] = Field(default=[])
    """With commas between them: origins of pages that may call besides its own, for a proxy that changes `Host`."""
    public_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""
    """The path at which a proxy shows this server, which the proxy takes away: `/modelyard`. The console's links begin
    with it."""

    @property
    def trusted_sources(self) -> TrustedSources:
        """The names by which requests may call, and the pages that may."""
        return TrustedSources(listens_on=self.host, hosts=self.allowed_hosts, origins=self.allowed_origins)
