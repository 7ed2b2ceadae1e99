"""`modelyard retrain` against the real application over real HTTP, up to the job that it makes."""

import json
from collections.abc import Callable

import pytest
from access_platform import MODEL_FILES, Platform

from modelyard.adapters.runner.fake import FakeRunner
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec
from modelyard.training.logged import RUN_KEY_TAG

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def churn(platform: Platform) -> Platform:
    """A platform with a version of `churn` that a script trained."""

    def script(spec: RunSpec) -> RunOutcome:
        tags = {RUN_KEY_TAG: spec.run_key}
        run_id = platform.tracking.log_run("churn", tags=tags)
        platform.tracking.log_model(run_id, "model", MODEL_FILES, tags=tags)
        return RunOutcome(RunPhase.FINISHED, exit_code=0)

    runner = platform.control._adapters.runners["local"]
    assert isinstance(runner, FakeRunner)
    runner._script = script
    body = {"script_name": "train.py", "script_content": "log()", "requirements": [], "model_name": "churn"}
    assert platform.operator.post("/mlops/training/upload", json=body).status_code == 202
    platform.engine.run_next()
    return platform


class TestRetrain:
    def test_a_model_alone_means_the_version_in_production_else_the_newest(self, churn: Platform, run: Run) -> None:
        changed = ["--env", "REGION=eu", "--stage-if", "always", "--no-wait", "-o", "json", "--", "--depth", "3"]
        code, out = run("retrain", "churn", *changed)
        assert code == 0, out
        churn.engine.run_next()
        job = json.loads(run("jobs", "show", json.loads(out)["job_id"], "-o", "json")[1])
        assert (job["kind"], job["status"], job["source"]["arguments"]) == ("retraining", "succeeded", ["--depth", "3"])
        assert (job["retraining"]["parent_version"], job["retraining"]["is_staged"]) == (1, True)
        code, out = run("jobs", "show", job["job_id"])
        assert "retrained from  version 1\n" in out
        assert "staged          yes: stage_if is always\n" in out
        assert "retrained from  1\n" in run("versions", "show", "churn/2")[1]
        assert "retrained as" in run("models", "lineage", "churn/1")[1]

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["retrain", "nosuch"], 3),
            (["retrain", "churn/9"], 3),
            (["retrain", "churn/1", "-p", "depth=3"], 2),
            (["retrain", "churn/one"], 2),
            (["retrain", "churn/1", "--env", "REGION"], 2),
        ],
    )
    def test_what_cannot_be_has_its_exit_code(self, churn: Platform, run: Run, arguments: list[str], code: int) -> None:
        assert churn.engine.working() == []
        assert run(*arguments, "--no-wait")[0] == code
