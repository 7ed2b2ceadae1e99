"""Azure API Management (`ports/api_management.py`), over Azure's resource manager. Loaded where it is configured."""

from modelyard.adapters.apim.service import configured_api_management

__all__ = ["configured_api_management"]
