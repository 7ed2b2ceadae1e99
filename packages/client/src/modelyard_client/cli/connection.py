"""From the options of a command to a client."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard_client.client import Client


def connect(url: str | None, home: Path | None) -> "Client":
    """A client of the control plane that the options or the environment name."""
    from modelyard_client.client import Client

    return Client.from_environment(url=url, home=home)
