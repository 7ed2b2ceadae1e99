"""The identity of the control plane at Azure."""

from typing import Any, Protocol

from azure.identity import DefaultAzureCredential

_SHOWN = 300


class Credential(Protocol):
    """What azure-identity gives."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """An access token, from its cache while it is valid."""


def managed_credential(client_id: str | None) -> Credential:
    """Workload identity, managed identity, or the variables of a service principal; nothing that runs a program."""
    credential: Credential = DefaultAzureCredential(
        managed_identity_client_id=client_id,
        exclude_cli_credential=True,
        exclude_developer_cli_credential=True,
        exclude_powershell_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_shared_token_cache_credential=True,
        exclude_interactive_browser_credential=True,
    )
    return credential


def said_by(exc: Exception) -> str:
    """The first line of an error, which names no secret."""
    return str(exc).strip().partition("\n")[0][:_SHOWN]
