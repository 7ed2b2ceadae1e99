"""Where the gateway answers for models: addresses that stay while versions and servers change."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class ModelAddresses:
    """Those of one tenant's models."""

    base: str | None
    """What stands before a model's name: `https://models.example.com/@acme`; None where there is no gateway."""

    def of_model(self, model_name: str) -> str | None:
        """It leads to the version in production, else to the newest that serves; `…/versions/3` below it to that one.

        None where there is no gateway.
        """
        return None if self.base is None else f"{self.base}/{quote(model_name, safe='')}"


class StableAddresses(Protocol):
    """Knows where the gateway is."""

    def of_tenant(self, tenant_id: str) -> ModelAddresses:
        """The addresses of a tenant's models, whether they are deployed or not. It reads the database at most."""
        ...
