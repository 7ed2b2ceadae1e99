"""How the lines of our users' documents are run: as they wrote them, with the addresses of this stack in their place.

Where a document leaves something out (`"..."`, `{...}`, the id of a job), the test puts in what is meant.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.stack import Json, wait_for

SCRIPT = Path(__file__).with_name("train.py")
REQUIREMENTS = ["scikit-learn", "pandas"]
MANAGEMENT = "http://localhost:8000"
"""Where the documents have the management API."""

KUBECTL_LINES = (
    "kubectl get services -n asgard -l app.kubernetes.io/component=inference",
    "kubectl get svc -n asgard -l app.kubernetes.io/component=inference",
    "kubectl get pods -n asgard -l app=my-model-inference",
    "kubectl logs -n asgard -l app=my-model-inference --tail=50",
    "kubectl top pods -n asgard -l app=my-model-inference",
    "kubectl scale deployment my-model-inference -n asgard --replicas=5",
)
"""Of the document on the separation of inference; `tests/e2e/test_kubernetes.py` runs them where there is a cluster."""


def later(reason: str) -> pytest.MarkDecorator:
    """What is not built yet, in words. The mark fails as soon as the test passes, and where a fixture fails."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)


def bash(lines: str, replaced: Mapping[str, str], *, timeout: float = 300) -> str:
    """What the lines print, with these texts replaced. They must end well."""
    for text, other in replaced.items():
        assert text in lines, f"the lines do not hold {text!r}"
        lines = lines.replace(text, other)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def printed(lines: str, replaced: Mapping[str, str]) -> Any:
    """The JSON that the lines print."""
    return json.loads(bash(lines, replaced))


def quoted(value: object) -> str:
    """As JSON within single quotes of a shell."""
    return json.dumps(value).replace("'", "\\u0027")


def fields(**values: Any) -> str:
    """Members of a JSON object, for what a document leaves out, within single quotes of a shell."""
    return quoted(values)[1:-1]


def deployed(anyone: httpx.Client, job_id: str) -> Json:
    """A one-click job when it has ended well."""

    def end() -> Json | None:
        job = dict(anyone.get(f"/mlops/deployments/{job_id}").json())
        return job if job["status"] in {"deployed", "failed", "cancelled"} else None

    job = wait_for(end, timeout=300, what=lambda: f"the end of {job_id}")
    assert job["status"] == "deployed", job["error"]
    return job
