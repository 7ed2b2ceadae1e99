"""Promotion on a real database, built as `main` does it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from promotion_yard import Yard
from registries import registry_service
from sqlalchemy import Connection
from sqlite_schema import empty_database

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.outbox.service import Outbox
from modelyard.promotion.automation import AutoStaging
from modelyard.promotion.parts import promotion_parts
from modelyard.registry.domain import Version
from modelyard.registry.editing import Editing
from modelyard.registry.stages import StageMover


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    path = tmp_path / "yard.db"
    path.write_bytes(empty_database())
    database = Database(f"sqlite:///{path}")
    clock = ManualClock()
    audit = AuditLog(database=database, clock=clock)
    outbox = Outbox(clock=clock)
    tracking = FakeTracking()
    mover = StageMover(clock=clock, audit=audit, outbox=outbox)
    auto_staging = AutoStaging(mover=mover, audit=audit)

    def stage(connection: Connection, version: Version) -> Version:
        return auto_staging.apply(connection, version)  # Looked up late, since a test may break it.

    registry = registry_service(
        database, clock, tmp_path, tracking=tracking, audit=audit, outbox=outbox, after_registration=stage
    )
    parts = promotion_parts(
        database=database,
        clock=clock,
        audit=audit,
        registry=registry,
        mover=mover,
        auto_staging=auto_staging,
    )
    editing = Editing(database=database, clock=clock, audit=audit, outbox=outbox, after_edit=parts.after_edit)
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
