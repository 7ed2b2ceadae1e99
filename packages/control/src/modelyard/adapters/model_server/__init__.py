"""What model servers of ours are asked over HTTP."""

from modelyard.adapters.model_server.documents import HttpModelDocuments
from modelyard.adapters.model_server.drift_counts import HttpDriftCounts

__all__ = ["HttpDriftCounts", "HttpModelDocuments"]
