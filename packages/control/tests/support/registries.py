"""The registry as `main` builds it, for tests that have no composition root."""

from pathlib import Path

from rules import follow_nothing

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deletion.claims import DeletionClaims
from modelyard.jobs.owners import JobOwners
from modelyard.outbox.service import Outbox
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import Tracking
from modelyard.registry.service import RegistryService
from modelyard.registry.version_creation import AfterRegistration


def registry_service(
    database: Database,
    clock: Clock,
    folder: Path,
    *,
    tracking: Tracking,
    audit: AuditLog,
    outbox: Outbox,
    after_registration: AfterRegistration = follow_nothing,
) -> RegistryService:
    """The registry of one process; several may share the database. Its scratch folder is below `folder`."""
    return RegistryService(
        database=database,
        clock=clock,
        tracking=tracking,
        audit=audit,
        outbox=outbox,
        scratch=folder / "scratch",
        jobs=JobOwners(),
        claims=DeletionClaims(),
        after_registration=after_registration,
    )
