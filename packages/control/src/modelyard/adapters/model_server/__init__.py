"""What model servers of ours are asked over HTTP."""

from modelyard.adapters.model_server.documents import HttpModelDocuments
from modelyard.adapters.model_server.drift_counts import HttpDriftCounts
from modelyard.adapters.model_server.predictions import HttpPredictions

__all__ = ["HttpDriftCounts", "HttpModelDocuments", "HttpPredictions"]
