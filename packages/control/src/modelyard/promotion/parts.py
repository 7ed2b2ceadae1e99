"""Puts the parts of promotion together, for the composition root."""

from dataclasses import dataclass

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.ports.clock import Clock
from modelyard.principals import Principal, Role
from modelyard.promotion.automation import ACTOR, AutoStaging
from modelyard.promotion.book import RequestBook
from modelyard.promotion.policies import Policies
from modelyard.promotion.service import PromotionService
from modelyard.registry.domain import Version
from modelyard.registry.editing import AfterEdit
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover


@dataclass(frozen=True, slots=True)
class Promotion:
    """What moves versions through their stages, and the rules by which it does."""

    service: PromotionService
    policies: Policies
    after_edit: AfterEdit
    """What follows an edit of a version, in its transaction."""


def promotion_parts(
    *,
    database: Database,
    clock: Clock,
    audit: AuditLog,
    registry: RegistryService,
    mover: StageMover,
    auto_staging: AutoStaging,
) -> Promotion:
    """The parts of one process."""
    book = RequestBook(clock=clock, registry=registry, mover=mover, audit=audit)

    def after_edit(connection: Connection, version: Version) -> Version:
        """Tags are evidence: what stood on the former ones expires."""
        by = Principal(tenant_id=version.tenant_id, subject=ACTOR, role=Role.DEVELOPER)
        book.expire_stale(connection, by, version.model_name)
        return auto_staging.apply(connection, version)

    return Promotion(
        service=PromotionService(database=database, clock=clock, registry=registry, mover=mover, book=book),
        policies=Policies(
            database=database,
            clock=clock,
            registry=registry,
            mover=mover,
            auto_staging=auto_staging,
            book=book,
            audit=audit,
        ),
        after_edit=after_edit,
    )
