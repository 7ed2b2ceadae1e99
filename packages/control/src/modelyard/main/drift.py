"""Puts drift together over the deployments."""

from collections.abc import Sequence

from modelyard.drift.collector import DriftCollector
from modelyard.drift.routes import drift_routes
from modelyard.drift.service import DriftService
from modelyard.http.routing import APIRouter
from modelyard.main.context import Context
from modelyard.main.deployments import DeploymentParts

DRIFT_SECONDS = 5.0
"""Between two looks at the counters of all model servers."""


class DriftParts:
    """What servers count, and what is said of it."""

    def __init__(self, context: Context, deployment_parts: DeploymentParts) -> None:
        deployments = deployment_parts.deployments
        self.drift = DriftService(
            database=context.database,
            clock=context.clock,
            audit=context.audit,
            deployments=deployments,
            packaging=deployment_parts.packaging,
        )
        self.collector = DriftCollector(drift=self.drift, deployments=deployments, counts=context.adapters.drift_counts)

    def routes(self) -> Sequence[APIRouter]:
        """The surface of drift."""
        return [drift_routes(self.drift)]
