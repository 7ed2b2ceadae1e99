"""What every noun stands on: the settings, the adapters, the database, the audit log, the outbox, scratch folders."""

from dataclasses import dataclass

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.disk import Disk
from modelyard.main.adapters import Adapters
from modelyard.outbox.service import Outbox
from modelyard.ports.clock import Clock
from modelyard.scratch import Scratch
from modelyard.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """One of each for the whole process."""

    settings: Settings
    adapters: Adapters
    database: Database
    audit: AuditLog
    outbox: Outbox
    scratch: Scratch
    disk: Disk

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self.adapters.clock

    @classmethod
    def of(cls, settings: Settings, adapters: Adapters) -> "Ground":
        """Make the home's folders, and build on them. Nothing is read or written in the database yet."""
        settings.places.make()
        database = Database(settings.database)
        return cls(
            settings=settings,
            adapters=adapters,
            database=database,
            audit=AuditLog(database=database, clock=adapters.clock),
            outbox=Outbox(database=database, clock=adapters.clock),
            scratch=Scratch(settings.places.scratch),
            disk=settings.disk,
        )
