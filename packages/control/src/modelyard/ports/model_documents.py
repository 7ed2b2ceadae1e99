"""The OpenAPI document that a model server gives of its model."""

from collections.abc import Mapping
from typing import Any, Protocol


class ModelDocuments(Protocol):
    """Asks model servers of ours."""

    def fetch(self, url: str) -> Mapping[str, Any] | None:
        """The document of the server at this address, which a target has observed; None when it does not answer."""
