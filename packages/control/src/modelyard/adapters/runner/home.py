"""The runner of one home."""

from pathlib import Path

from modelyard.adapters.runner.local import LocalRunner
from modelyard.home import Home
from modelyard.isolation import Isolation


def local_runner(home: Home, *, isolation: Isolation) -> LocalRunner:
    """Runs lie beside the logs of their jobs, and take their Python from the home's environments."""

    def python(digest: str) -> Path:
        return home.environment(digest) / "bin" / "python"

    return LocalRunner(home.jobs, python=python, isolation=isolation)
