"""The mirror's units over fakes and both databases."""

from collections.abc import Callable

import pytest
from mirror_desk import Desk

from modelyard.access.failures import FailedLogins
from modelyard.access.service import AccessService
from modelyard.access.tenants import Tenants
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.mirror.parts import MirrorParts, mirror_parts
from modelyard.outbox.delivery import OutboxDelivery
from modelyard.outbox.service import Outbox
from modelyard.principals import Principal, Role
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import MIRROR_TOPIC, StageMover


@pytest.fixture
def tokens(database: Database, clock: ManualClock, audit: AuditLog) -> Tokens:
    return Tokens(database=database, clock=clock, audit=audit)


@pytest.fixture
def tenants(database: Database, clock: ManualClock, audit: AuditLog, tokens: Tokens) -> Tenants:
    """With the first tenant in it."""
    access = AccessService(
        database=database, clock=clock, tokens=tokens, is_open=False, failures=FailedLogins(clock=clock, most=100)
    )
    assert access.first_token() is not None
    return Tenants(database=database, clock=clock, audit=audit, tokens=tokens)


@pytest.fixture
def make_mirror(
    database: Database,
    clock: ManualClock,
    registry: RegistryService,
    registered: FakeRegisteredModels,
    audit: AuditLog,
    tenants: Tenants,
) -> Callable[[], MirrorParts]:
    """The mirror of one process; several share the database and the tracker."""
    return lambda: mirror_parts(
        database=database,
        clock=clock,
        registry=registry,
        registered=registered,
        audit=audit,
        tenants=tenants,
        all_seconds=600,
    )


@pytest.fixture
def parts(make_mirror: Callable[[], MirrorParts]) -> MirrorParts:
    return make_mirror()


@pytest.fixture
def delivery(database: Database, clock: ManualClock, parts: MirrorParts) -> OutboxDelivery:
    return OutboxDelivery(database=database, clock=clock, handlers={MIRROR_TOPIC: parts.service.deliver})


@pytest.fixture
def admin() -> Principal:
    return Principal(tenant_id="default", subject="ada", role=Role.ADMIN)


@pytest.fixture
def desk(
    parts: MirrorParts,
    database: Database,
    clock: ManualClock,
    audit: AuditLog,
    outbox: Outbox,
    registry: RegistryService,
    admin: Principal,
) -> Desk:
    mover = StageMover(clock=clock, audit=audit, outbox=outbox)
    return Desk(parts, database, mover, registry, admin)
