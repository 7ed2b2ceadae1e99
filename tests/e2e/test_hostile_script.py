"""A developer's script that wants more than its own, on the platform as it is started."""

import json
from typing import Any

import pytest
from tests.e2e.stack import SCRIPTS, Json, Stack


@pytest.fixture(scope="module")
def victim(stack: Stack) -> Json:
    """A version that somebody else trained."""
    return stack.succeeded(stack.train(SCRIPTS / "classifier.py", model_name="victim"))


def metrics(stack: Stack, run_id: str) -> list[Any]:
    """What the tracker holds of a run."""
    answer = stack.tracker.get("/api/2.0/mlflow/runs/get", params={"run_id": run_id})
    return list(answer.json()["run"]["data"].get("metrics", []))


def test_a_script_reaches_neither_our_secrets_nor_what_another_job_has_measured(stack: Stack, victim: Json) -> None:
    before = metrics(stack, victim["run_id"])
    script = SCRIPTS / "hostile.py"
    source = (
        script.read_text().replace("sys.argv[1]", repr(str(stack.home))).replace("sys.argv[2]", repr(victim["run_id"]))
    )

    job = stack.succeeded(stack.train(script, model_name="hostile", script_content=source))

    lines = stack.job_log(job["job_id"]).splitlines()
    (reported,) = [line.partition("HOSTILE ")[2] for line in lines if "HOSTILE {" in line]
    assert json.loads(reported) == {"files": ["refused"], "another run": 403, "nobody": 401, "another model": 403}
    assert metrics(stack, victim["run_id"]) == before
    isolation = stack.get("/mlops/status")["components"]["isolation"]["detail"]
    assert not isolation.startswith("none")
