from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard_serving.bundle import OpenedModel, open_model


@pytest.fixture
def opened() -> Callable[[Path], OpenedModel]:
    """Opens a path as the server does."""
    return lambda path: open_model(str(path), name=None, version=None, trust_pickle=False)
