"""What the mark `later` hides: the failure of the test itself, and nothing of what the test needs."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TESTS = """
import pytest
from tests.e2e.seeds.documents import later

@pytest.fixture(scope="session")
def broken():
    assert False, "the platform did not start"

@later("not built yet")
def test_that_needs_it(broken):
    assert False

@later("not built yet")
def test_of_what_is_not_built():
    assert False
"""


def test_a_fixture_that_fails_is_an_error_also_where_the_test_is_expected_to_fail(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.e2e.seeds.conftest import pytest_runtest_setup\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "packages" / "control" / "tests" / "support")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "1 xfailed, 1 error" in done.stdout, done.stdout
    assert "SetupFailed: the platform did not start" in done.stdout
