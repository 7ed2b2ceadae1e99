"""schemathesis over the whole OpenAPI document against the real application: no server error, no broken promise.

Bounded and always the same here; docs/how-to/check-the-api.md has the long run. What a document cannot say (a name that
is taken, a moment in the future) may be refused with a documented status, so only that check is left out.
"""

import os
import subprocess
import sys
from pathlib import Path

from access_platform import Platform

from modelyard.access.settings import AccessSettings

HERE = Path(__file__).parent / "contract"
EXAMPLES = 3


def fill(platform: Platform) -> None:
    """One of most things, so that reads find something."""
    owner = platform.operator
    for _ in range(2):
        assert owner.post("/mlops/registry", json={"name": "iris", "run_id": platform.log_model()}).is_success
    stage = "/api/v1/ml/registry/models/iris/versions/1/stage"
    for to in ("staging", "production"):
        assert owner.post(stage, json={"stage": to, "comment": "because"}).is_success
    assert owner.post("/api/v1/deployments", json={"model_name": "iris"}).is_success


def run(platform: Platform, folder: Path) -> "subprocess.CompletedProcess[str]":
    """schemathesis as its own process, as a person would start it."""
    url = platform.at(None).base_url
    program = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml")]
    command = [*program, "run", f"{url}/openapi.json", "--no-color"]
    options = ["--phases=examples,coverage,fuzzing", f"--max-examples={EXAMPLES}", "--seed=1", "--request-timeout=30"]
    options += ["--generation-deterministic"]
    secret = ["--header", f"Authorization: Bearer {platform.operator_token}"]
    return subprocess.run(
        [*command, *options, *secret],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class TestContract:
    def test_every_operation_keeps_what_the_document_says(self, tmp_path: Path) -> None:
        with Platform(tmp_path / "home", access=AccessSettings(failed_logins_per_minute=1_000_000)) as platform:
            fill(platform)
            done = run(platform, tmp_path)
        assert done.returncode == 0, done.stdout[-20_000:]
        # It may revoke the token that it was given: what comes after that would be checked for nothing.
        assert "Authentication failed" not in done.stdout, done.stdout[-20_000:]
