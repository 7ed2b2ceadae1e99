"""One installation for all pages, and one browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from access_platform import Platform
from console_world import Installation, chromium, fill
from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home: Path = tmp_path_factory.mktemp("console") / "home"
    with Platform(home) as platform:
        yield fill(platform)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not longer than its module: while the driver is there, its event loop runs in this thread, and no other one can.
    with chromium() as browser:
        yield browser
