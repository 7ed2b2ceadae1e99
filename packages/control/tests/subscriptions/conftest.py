"""The noun of subscriptions over both databases."""

import pytest
from subscription_parts import Parts, subscription_parts

from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.principals import Principal, Role


@pytest.fixture
def admin() -> Principal:
    return Principal(tenant_id="default", subject="admin", role=Role.ADMIN)


@pytest.fixture
def stranger() -> Principal:
    return Principal(tenant_id="other", subject="admin", role=Role.ADMIN)


@pytest.fixture
def parts(database: Database, clock: ManualClock) -> Parts:
    return subscription_parts(database, clock)
