"""Puts traffic and roll-outs together over the registry and the deployments."""

from collections.abc import Sequence

from modelyard.drift.service import DriftService
from modelyard.http.routing import APIRouter
from modelyard.jobs.service import JobService
from modelyard.main.context import Context
from modelyard.main.deployments import DeploymentParts
from modelyard.main.registry import RegistryParts
from modelyard.outcomes.routes import answer_routes, outcome_routes
from modelyard.outcomes.service import OutcomeService
from modelyard.rollouts.book import RolloutBook
from modelyard.rollouts.gateway_meter import GatewayMeter, NodeCounters
from modelyard.rollouts.reconciler import RolloutReconciler
from modelyard.rollouts.routes import rollout_plan_routes, rollout_routes
from modelyard.rollouts.service import RolloutService
from modelyard.rollouts.watching import Meter, Watching
from modelyard.traffic.book import TrafficBook
from modelyard.traffic.routes import traffic_routes
from modelyard.traffic.service import TrafficService

ROLLOUT_SECONDS = 1.0
"""Between two looks at all roll-outs."""


class RolloutParts:
    """How requests are divided, and what changes that by itself."""

    def __init__(
        self,
        context: Context,
        jobs: JobService,
        registry_parts: RegistryParts,
        deployment_parts: DeploymentParts,
        drift: DriftService,
        counting: NodeCounters,
        meter: Meter | None = None,
    ) -> None:
        registry, deployments = registry_parts.registry, deployment_parts.deployments
        self._meter = GatewayMeter(deployments=deployments, drift=drift, counters=counting)
        traffic_book = TrafficBook(clock=context.clock, audit=context.audit)
        self.book = book = RolloutBook(clock=context.clock, audit=context.audit, traffic=traffic_book)
        self.traffic = TrafficService(database=context.database, registry=registry, book=traffic_book)
        self.outcomes = OutcomeService(
            database=context.database, clock=context.clock, registry=registry, divided=self._divided
        )
        self.rollouts = RolloutService(
            database=context.database, clock=context.clock, audit=context.audit, registry=registry, book=book
        )
        self.reconciler = RolloutReconciler(
            database=context.database,
            registry=registry,
            promotion=registry_parts.promotion,
            deployments=deployments,
            verbs=deployment_parts.verbs,
            jobs=jobs,
            book=book,
            watching=Watching(
                clock=context.clock,
                registry=registry,
                deployments=deployments,
                jobs=jobs,
                promotion=registry_parts.promotion,
            ),
            meter=meter or self._meter,
            renew_lease=context.leases.renew,
        )

    def routes(self) -> Sequence[APIRouter]:
        """The surfaces of traffic and roll-outs."""
        return [
            traffic_routes(self.traffic, self._meter.compared),
            rollout_routes(self.rollouts, self._meter),
            rollout_plan_routes(self.rollouts),
            outcome_routes(self.outcomes),
            answer_routes(self.outcomes),
        ]

    def _divided(self) -> set[tuple[str, str]]:
        every = self.traffic.every()
        return {(one.tenant_id, one.model_name) for one in every if len(one.split.shares) > 1}
