"""Promotion on a real database, built as `main` does it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from promotion_yard import Yard

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.outbox.service import Outbox
from modelyard.promotion.automation import AutoStaging
from modelyard.promotion.parts import promotion_parts
from modelyard.registry.editing import Editing
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    database = Database(f"sqlite:///{tmp_path}/yard.db")
    database.migrate()
    clock = ManualClock()
    audit = AuditLog(database=database, clock=clock)
    outbox = Outbox(database=database, clock=clock)
    tracking = FakeTracking()
    registry = RegistryService(
        database=database, clock=clock, tracking=tracking, audit=audit, outbox=outbox, scratch=tmp_path / "scratch"
    )
    editing = Editing(database=database, clock=clock, audit=audit, outbox=outbox)
    mover = StageMover(clock=clock, audit=audit, outbox=outbox)
    auto_staging = AutoStaging(mover=mover, audit=audit)
    parts = promotion_parts(
        database=database,
        clock=clock,
        audit=audit,
        registry=registry,
        editing=editing,
        mover=mover,
        auto_staging=auto_staging,
    )
    yield Yard(
        database=database,
        promotion=parts.service,
        policies=parts.policies,
        registry=registry,
        editing=editing,
        audit=audit,
        clock=clock,
        tracking=tracking,
        auto_staging=auto_staging,
    )
    database.close()
