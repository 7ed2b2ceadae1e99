"""Writes the management API's description as the code has it, so that a change of the API is seen in a review.

`python docs/openapi.py` rewrites `openapi.json`; `--check` only says whether it is current.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from generated import write_or_check
from modelyard.main import ControlPlane, real_adapters
from modelyard.settings import Settings
from modelyard.storage import StorageSettings

PAGE = Path(__file__).parent / "openapi.json"


def describe() -> str:
    """The description. The control plane is built for it, and not started."""
    with TemporaryDirectory() as home:
        settings = Settings(storage=StorageSettings(home=Path(home)))
        app = ControlPlane(settings, real_adapters(settings)).app()
        return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: describe()}, command="openapi"))
