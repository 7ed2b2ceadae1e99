"""A roll-out's world on a control plane over fakes."""

from collections.abc import Callable

import pytest
from rollout_world import RolloutWorld

from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal


@pytest.fixture
def world(sqlite_control_plane: ControlPlane, alice: Principal, log_model: Callable[..., LoggedModel]) -> RolloutWorld:
    return RolloutWorld(sqlite_control_plane, alice, log_model)
