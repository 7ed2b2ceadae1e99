"""Puts the mirror's units together; the composition root hands in what they need of others."""

from dataclasses import dataclass

from modelyard.access.tenants import Tenants
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.mirror.examination import Examination
from modelyard.mirror.imports import Imports
from modelyard.mirror.places import Places
from modelyard.mirror.reconciler import MirrorReconciler
from modelyard.mirror.reconciliation import Reconciliation
from modelyard.mirror.service import MirrorService
from modelyard.ports.clock import Clock
from modelyard.ports.registered_models import RegisteredModels
from modelyard.registry.service import RegistryService


@dataclass(frozen=True, slots=True)
class MirrorParts:
    """What others use of the mirror."""

    service: MirrorService
    reconciliation: Reconciliation
    reconciler: MirrorReconciler


def mirror_parts(
    *,
    database: Database,
    clock: Clock,
    registry: RegistryService,
    registered: RegisteredModels,
    audit: AuditLog,
    tenants: Tenants,
    all_seconds: float,
) -> MirrorParts:
    """The mirror of a registry."""
    service = MirrorService(database=database, registry=registry, registered=registered)
    places = Places(registry=registry, registered=registered, tenants=tenants)
    reconciliation = Reconciliation(
        mirror=service,
        examination=Examination(database=database, registry=registry, registered=registered),
        imports=Imports(database=database, clock=clock, registry=registry, registered=registered, audit=audit),
        places=places,
        registered=registered,
    )
    reconciler = MirrorReconciler(
        clock=clock,
        reconciliation=reconciliation,
        places=places,
        registered=registered,
        tenants=tenants,
        all_seconds=all_seconds,
    )
    return MirrorParts(service, reconciliation, reconciler)
