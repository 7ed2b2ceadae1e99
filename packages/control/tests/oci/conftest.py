"""What tests of images find at hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.oci.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(tmp_path / "layout")
    yield layout
    layout.close()
