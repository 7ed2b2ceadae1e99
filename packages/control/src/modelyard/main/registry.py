"""Puts the nouns of the registry together: models and versions, their files, their stages, and comparisons of them."""

from collections.abc import Sequence

from modelyard.comparison.routes import comparison_routes
from modelyard.comparison.service import ComparisonService
from modelyard.deletion.claims import DeletionClaims
from modelyard.http.routing import APIRouter
from modelyard.jobs.owners import JobOwners
from modelyard.main.context import Context
from modelyard.mlops.routes import model_routes
from modelyard.promotion.automation import AutoStaging
from modelyard.promotion.parts import promotion_parts
from modelyard.promotion.routes import policy_routes, request_routes, stage_routes
from modelyard.registry.artifact_routes import artifact_routes
from modelyard.registry.artifacts import Artifacts
from modelyard.registry.editing import Editing
from modelyard.registry.reads.routes import catalogue_reads
from modelyard.registry.reads.service import RegistryReads
from modelyard.registry.registration import JobOfUpload, Registration
from modelyard.registry.routes import catalogue_writes
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import AfterMove, StageMover


class RegistryParts:
    """The registry, and what moves its versions."""

    def __init__(self, context: Context, *, job_of_upload: JobOfUpload, after_move: AfterMove) -> None:
        database, clock, audit, outbox = context.database, context.clock, context.audit, context.outbox
        tracking, scratch = context.adapters.tracking, context.scratch.folder
        self.mover = StageMover(clock=clock, audit=audit, outbox=outbox, after_move=after_move)
        auto_staging = AutoStaging(mover=self.mover, audit=audit)
        self.registry = RegistryService(
            database=database,
            clock=clock,
            tracking=tracking,
            audit=audit,
            outbox=outbox,
            scratch=scratch,
            jobs=JobOwners(),
            claims=DeletionClaims(),
            after_registration=auto_staging.apply,
        )
        self.reads = RegistryReads(database)
        self.artifacts = Artifacts(registry=self.registry, tracking=tracking, scratch=scratch)
        promotion = promotion_parts(
            database=database,
            clock=clock,
            audit=audit,
            registry=self.registry,
            mover=self.mover,
            auto_staging=auto_staging,
        )
        self.promotion, self.policies = promotion.service, promotion.policies
        self.editing = Editing(
            database=database, clock=clock, audit=audit, outbox=outbox, after_edit=promotion.after_edit
        )
        self.registration = Registration(
            registry=self.registry,
            clock=clock,
            metric_rules=self.policies.metric_rules,
            job_of_upload=job_of_upload,
        )
        self.comparisons = ComparisonService(registry=self.registry, policies=self.policies)

    def routes(self) -> Sequence[APIRouter]:
        """The surface `/api/v1/ml/registry`, and the catalogue as `/mlops` lists it."""
        return [
            # Routes are tried in this order: first the ones that are asked all day.
            catalogue_reads(self.reads),
            catalogue_writes(self.registration, self.editing),
            model_routes(self.registry, self.reads),
            artifact_routes(self.artifacts),
            comparison_routes(self.comparisons),
            stage_routes(self.promotion, self.registry),
            policy_routes(self.policies, self.registry),
            request_routes(self.promotion),
        ]
