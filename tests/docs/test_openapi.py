"""The committed description of the management API is what the code says."""

import json
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


class TestTheDescription:
    def test_it_is_current(self) -> None:
        command = [sys.executable, str(DOCS / "openapi.py"), "--check"]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)

        assert checked.returncode == 0, checked.stderr

    def test_it_has_the_contracts_management_calls_and_no_inference(self) -> None:
        paths = json.loads((DOCS / "openapi.json").read_text())["paths"]

        assert paths.keys() >= {
            "/mlops/training/upload",
            "/mlops/training/jobs/{job_id}",
            "/mlops/deploy",
            "/mlops/deployments/{job_id}",
            "/mlops/registry",
            "/mlops/models",
            "/mlops/models/{model_name}",
            "/mlops/status",
        }
        assert not [path for path in paths if path.startswith("/mlops") and "inference" in path]
