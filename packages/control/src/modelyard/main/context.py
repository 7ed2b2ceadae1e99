"""What every noun is built with: the settings, the adapters, the database, the audit log, the outbox, the leases."""

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.audit.service import AuditLog, Listener
from modelyard.db import Database
from modelyard.disk import Disk
from modelyard.leases.background import BackgroundWork
from modelyard.leases.service import Leases
from modelyard.main.adapters import Adapters
from modelyard.outbox.service import Outbox
from modelyard.ports.clock import Clock
from modelyard.rollouts.book import RolloutBook
from modelyard.rollouts.starter import RolloutStarter
from modelyard.schedules.planning import EventListener
from modelyard.scratch import Scratch
from modelyard.settings import Settings
from modelyard.traffic.book import TrafficBook
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
        database, clock = Database(settings.storage.database), adapters.clock
        webhooks = WebhookListener(clock).on_entry
        return cls(
            settings=settings,
            adapters=adapters,
            database=database,
            audit=AuditLog(
                database=database,
                clock=clock,
                listeners=[webhooks, EventListener().on_entry, _rollout_starter(database, clock, webhooks)],
            ),
            outbox=Outbox(clock=clock),
            scratch=Scratch(settings.storage.places.scratch),
            disk=settings.storage.disk,
            leases=Leases(
                database=database,
                clock=clock,
                holder=adapters.engine.process,
                lasts=settings.leases.lasts,
            ),
        )


def _rollout_starter(database: Database, clock: Clock, webhooks: Listener) -> Listener:
    """What it writes itself starts no roll-out, so its log has one listener less."""
    audit = AuditLog(database=database, clock=clock, listeners=[webhooks])
    book = RolloutBook(clock=clock, audit=audit, traffic=TrafficBook(clock=clock, audit=audit))
    return RolloutStarter(audit=audit, book=book).on_entry
