"""What model servers of ours are asked over HTTP."""

from modelyard.adapters.model_server.documents import HttpModelDocuments

__all__ = ["HttpModelDocuments"]
