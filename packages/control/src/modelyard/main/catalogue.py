"""Puts the nouns of the registry together: models and versions, their files, their stages, and comparisons of them."""

from collections.abc import Sequence

from fastapi import APIRouter

from modelyard.comparison.routes import comparison_routes
from modelyard.comparison.service import ComparisonService
from modelyard.main.ground import Ground
from modelyard.mlops.routes import model_routes
from modelyard.promotion.automation import AutoStaging
from modelyard.promotion.parts import promotion_parts
from modelyard.promotion.routes import policy_routes, request_routes, stage_routes
from modelyard.registry.artifact_routes import artifact_routes
from modelyard.registry.artifacts import Artifacts
from modelyard.registry.editing import Editing
from modelyard.registry.reading import CatalogueReading
from modelyard.registry.registration import Registration
from modelyard.registry.routes import catalogue_reads, catalogue_writes
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover


class Catalogue:
    """The registry, and what moves its versions."""

    def __init__(self, ground: Ground) -> None:
        database, clock, audit, outbox = ground.database, ground.clock, ground.audit, ground.outbox
        tracking, scratch = ground.adapters.tracking, ground.scratch.folder
        self.registry = RegistryService(
            database=database, clock=clock, tracking=tracking, audit=audit, outbox=outbox, scratch=scratch
        )
        self.reading = CatalogueReading(database)
        self.artifacts = Artifacts(registry=self.registry, tracking=tracking, scratch=scratch)
        self.editing = Editing(database=database, clock=clock, audit=audit, outbox=outbox)
        self.mover = StageMover(clock=clock, audit=audit, outbox=outbox)
        promotion = promotion_parts(
            database=database,
            clock=clock,
            audit=audit,
            registry=self.registry,
            editing=self.editing,
            mover=self.mover,
            auto_staging=AutoStaging(mover=self.mover, audit=audit),
        )
        self.promotion, self.policies = promotion.service, promotion.policies
        self.registration = Registration(registry=self.registry, clock=clock, metric_rules=self.policies.metric_rules)
        self.comparisons = ComparisonService(registry=self.registry, policies=self.policies)

    def routes(self) -> Sequence[APIRouter]:
        """The surface `/api/v1/ml/registry`, and the catalogue as `/mlops` tells it."""
        return [
            # Routes are tried in this order: first the ones that are asked all day.
            catalogue_reads(self.registry, self.reading),
            catalogue_writes(self.registration, self.editing),
            model_routes(self.registry),
            artifact_routes(self.artifacts),
            comparison_routes(self.comparisons),
            stage_routes(self.promotion, self.registry),
            policy_routes(self.policies, self.registry),
            request_routes(self.promotion),
        ]
