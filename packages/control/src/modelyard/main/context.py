"""What every noun is built with: the settings, the adapters, the database, the audit log, the outbox, the leases."""

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.disk import Disk
from modelyard.leases.background import BackgroundWork
from modelyard.leases.service import Leases
from modelyard.main.adapters import Adapters
from modelyard.outbox.service import Outbox
from modelyard.ports.clock import Clock
from modelyard.scratch import Scratch
from modelyard.settings import Settings
from modelyard.webhooks.listener import WebhookListener


@dataclass(frozen=True, slots=True)
class Context:
    """One of each for the whole process."""

    settings: Settings
    adapters: Adapters
    database: Database
    audit: AuditLog
    outbox: Outbox
    scratch: Scratch
    disk: Disk
    leases: Leases

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self.adapters.clock

    def in_background(self, name: str, make_pass: Callable[[], bool], *, pause_seconds: float) -> BackgroundWork:
        """Work that one process of all makes pass after pass."""
        return BackgroundWork(name=name, leases=self.leases, make_pass=make_pass, pause_seconds=pause_seconds)

    @classmethod
    def of(cls, settings: Settings, adapters: Adapters) -> "Context":
        """Make the home's folders, and build on them. Nothing is read or written in the database yet."""
        settings.storage.places.make()
        database = Database(settings.storage.database)
        return cls(
            settings=settings,
            adapters=adapters,
            database=database,
            audit=AuditLog(
                database=database, clock=adapters.clock, listeners=[WebhookListener(adapters.clock).on_entry]
            ),
            outbox=Outbox(clock=adapters.clock),
            scratch=Scratch(settings.storage.places.scratch),
            disk=settings.storage.disk,
            leases=Leases(
                database=database,
                clock=adapters.clock,
                holder=adapters.engine.process,
                lasts=settings.leases.lasts,
            ),
        )
