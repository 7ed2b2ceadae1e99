"""Fixtures of the client's tests."""

from collections.abc import Iterator

import pytest
from modelyard_standin import TOKEN, FakeClock, StandIn, serving

from modelyard_client import Client


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with serving() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(standin: StandIn, clock: FakeClock) -> Iterator[Client]:
    with Client(standin.url, TOKEN, clock=clock) as opened:
        yield opened
