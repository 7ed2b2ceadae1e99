"""The services of access, each built as `main` does it, and the whole application over fakes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from access_platform import Platform

from modelyard.access.members import Members
from modelyard.access.quotas import Quotas
from modelyard.access.tenant_life import TenantLife
from modelyard.access.tenants import NewTenant, Tenants
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.principals import FIRST_TENANT, Principal, Role


@pytest.fixture
def member_tokens(database: Database, clock: ManualClock, audit: AuditLog) -> Tokens:
    return Tokens(database=database, clock=clock, audit=audit)


@pytest.fixture
def members(database: Database, clock: ManualClock, audit: AuditLog) -> Members:
    return Members(database=database, clock=clock, audit=audit)


@pytest.fixture
def tenants(database: Database, clock: ManualClock, audit: AuditLog, member_tokens: Tokens) -> Tenants:
    return Tenants(database=database, clock=clock, audit=audit, tokens=member_tokens)


@pytest.fixture
def tenant_life(database: Database, clock: ManualClock, audit: AuditLog, member_tokens: Tokens) -> TenantLife:
    return TenantLife(database=database, clock=clock, audit=audit, tokens=member_tokens, deletion_blockers=[])


@pytest.fixture
def operator() -> Principal:
    return Principal(tenant_id=FIRST_TENANT, subject="olga", role=Role.ADMIN)


@pytest.fixture
def acme(tenants: Tenants, operator: Principal) -> NewTenant:
    """A tenant whose administrator is ada."""
    return tenants.create(operator, tenant_id="acme", name="Acme", admin="ada", quotas=Quotas())


@pytest.fixture
def ada(acme: NewTenant) -> Principal:
    return Principal(tenant_id=acme.tenant.tenant_id, subject="ada", role=Role.ADMIN)


@pytest.fixture(scope="module")
def make_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Platform]]:
    """Platforms that run until the module ends."""
    with ExitStack() as stack:

        def make(**groups: Any) -> Platform:
            return stack.enter_context(Platform(tmp_path_factory.mktemp("platform"), **groups))

        yield make


@pytest.fixture(scope="module")
def platform(make_platform: Callable[..., Platform]) -> Platform:
    """One that all tests of the module share."""
    return make_platform()


@pytest.fixture(scope="module")
def other(platform: Platform) -> httpx.Client:
    """The administrator of another tenant than the first."""
    return platform.tenant("other")
