"""Retraining over HTTP, on fakes: the recipe, what may be changed of it, and what becomes of the new version."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from access_platform import MODEL_FILES, Platform
from httpx import Client

from modelyard.adapters.environments.fake import FakeEnvironments
from modelyard.adapters.runner.fake import FakeRunner
from modelyard.audit.domain import Filter
from modelyard.jobs.workflow import JobSteps
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec
from modelyard.principals import Principal, Role
from modelyard.registry.states import Stage
from modelyard.training.logged import RUN_KEY_TAG

SERVED = "/api/v1/modelserving"
REGISTRY = "/api/v1/ml/registry"
ALICE = Principal(tenant_id="default", subject="alice", role=Role.DEVELOPER)


class World:
    """One platform whose scripts log a model as good as a test says, and short ways to ask it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.api = platform.operator
        self.auc = 0.8
        runner = platform.control._adapters.runners["local"]
        assert isinstance(runner, FakeRunner)
        runner._script = self._run
        self.runner = runner

    def _run(self, spec: RunSpec) -> RunOutcome:
        tags = {RUN_KEY_TAG: spec.run_key}
        run_id = self.platform.tracking.log_run("churn", metrics={"auc": self.auc}, tags=tags)
        self.platform.tracking.log_model(run_id, "model", MODEL_FILES, tags=tags)
        return RunOutcome(RunPhase.FINISHED, exit_code=0)

    def train(self, model: str, **more: Any) -> Any:
        """The job of a script, when it has ended."""
        script = {"script_name": "train.py", "script_content": "log()", "requirements": ["pandas"], **more}
        accepted = self.api.post("/mlops/training/upload", json={**script, "model_name": model})
        assert accepted.status_code == 202, accepted.text
        return self.ended(accepted.json()["job_id"])

    def ask(self, model: str, version: int = 1, *, key: str | None = None, **body: Any) -> Any:
        """What an inference is answered with."""
        headers = {} if key is None else {"Idempotency-Key": key}
        path = f"{SERVED}/models/{model}/versions/{version}/inference"
        return self.api.post(path, json=body, headers=headers)

    def retrain(self, model: str, version: int = 1, **body: Any) -> Any:
        """The job of a retraining, when it has ended."""
        accepted = self.ask(model, version, **body)
        assert accepted.status_code == 202, accepted.text
        return self.ended(accepted.json()["job_id"])

    def ended(self, job_id: str) -> Any:
        while self.platform.engine.run_next():
            pass
        return self.api.get(f"/mlops/jobs/{job_id}").json()

    def version(self, model: str, number: int) -> Any:
        return self.api.get(f"{REGISTRY}/models/{model}/versions/{number}").json()

    def put_in_production(self, model: str, number: int) -> None:
        """As an approval does."""
        control = self.platform.control
        version, mover = control.registry.version(ALICE, model, number), control.registry_parts.mover
        with control.database.write() as connection:
            staged = mover.move(connection, ALICE, version, Stage.STAGING, reason="good")
            mover.move(connection, ALICE, staged, Stage.PRODUCTION, reason="approved")

    def entries(self, model: str, action: str) -> list[Mapping[str, Any]]:
        """What the audit log has of this action on the model."""
        found = self.platform.control.audit.stream("default", Filter(model=model, action=action))
        return [{"subject": entry.subject, **(entry.after or {})} for entry in found]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp("retraining") / "home"
    with Platform(home) as platform:
        yield World(platform)


class TestRecipe:
    def test_what_trained_a_version_runs_again_and_gives_the_next_one(self, world: World) -> None:
        world.train("again", arguments=["--depth", "3"], environment={"REGION": "eu"}, timeout_seconds=60)
        job = world.retrain("again")

        first, second = world.runner.started[-2:]
        assert (job["kind"], job["status"], job["phase"], job["error"]) == ("retraining", "succeeded", "staging", None)
        assert (second.script_content, second.arguments) == (first.script_content, ("--depth", "3"))
        assert second.environment["REGION"] == "eu"
        assert (second.python_environment, second.limits) == (first.python_environment, first.limits)
        assert (job["model_version"], world.version("again", 2)["provenance"]["parent_version"]) == ("2", 1)
        assert world.version("again", 1)["run_id"] != job["run_id"]

    def test_lineage_shows_it_both_ways(self, world: World) -> None:
        world.train("family")
        world.retrain("family")
        world.retrain("family", 2)

        ways = [world.api.get(f"{REGISTRY}/models/family/versions/{n}/lineage").json() for n in (1, 2, 3)]
        assert [way["parent_version"] for way in ways] == [None, 1, 2]
        assert [[one["version"] for one in way["retrained_as"]] for way in ways] == [[2], [3], []]
        served = world.api.get(f"{SERVED}/models/family/versions/3").json()
        assert served["parent_version"] == 2

    def test_what_is_changed_counts_and_the_rest_stays(self, world: World) -> None:
        world.train("other", arguments=["--depth", "3"], environment={"REGION": "eu", "MODE": "fast"})
        changes: dict[str, Any] = {"arguments": ["--depth", "9"], "environment": {"REGION": "us"}, "timeout_seconds": 7}
        world.retrain("other", **changes)

        spec = world.runner.started[-1]
        assert spec.arguments == ("--depth", "9")
        assert (spec.environment["REGION"], spec.environment["MODE"], spec.limits.seconds) == ("us", "fast", 7)

    def test_requirements_are_resolved_anew_when_that_is_asked_for(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environments = world.platform.control._adapters.environments
        assert isinstance(environments, FakeEnvironments)
        monkeypatch.setattr(environments, "_index", {"pandas": ["1.0"], "mlflow": ["3.17.2"]})
        world.train("pinned")
        monkeypatch.setattr(environments, "_index", {"pandas": ["1.0", "99.0"], "mlflow": ["3.17.2"]})
        same, newer = world.retrain("pinned"), world.retrain("pinned", update_requirements=True)

        locks = [world.version("pinned", n)["provenance"]["environment_lock_sha256"] for n in (1, 2, 3)]
        assert (same["status"], newer["status"]) == ("succeeded", "succeeded")
        assert locks[0] == locks[1] != locks[2]

    def test_a_version_that_one_click_deployed_is_trained_and_not_deployed(self, world: World) -> None:
        script = {"script_name": "train.py", "script_content": "log()", "requirements": [], "model_name": "clicked"}
        world.ended(world.api.post("/mlops/deploy", json=script).json()["job_id"])
        job = world.retrain("clicked")

        assert (job["status"], job["model_version"], job["deployment_id"]) == ("succeeded", "2", None)

    def test_a_version_that_no_script_of_ours_trained_says_what_to_do(self, world: World) -> None:
        registered = world.api.post("/mlops/registry", json={"name": "foreign", "run_id": world.platform.log_model()})
        assert registered.status_code == 201
        refused = world.ask("foreign")
        assert (refused.status_code, refused.json()["code"]) == (409, "recipe_missing")
        assert "modelyard train SCRIPT --model foreign" in refused.json()["error"]
        assert world.ask("foreign", 9).status_code == 404

    def test_a_version_registered_after_its_job_had_failed_has_the_jobs_recipe(self, world: World) -> None:
        world.runner._script = lambda spec: _fails(world, spec)
        failed = world.train("rescued")
        world.runner._script = world._run
        assert failed["status"] == "failed"
        rescued = world.api.post("/mlops/registry", json={"name": "rescued", "job_id": failed["job_id"]})
        assert rescued.status_code == 201, rescued.text
        assert world.retrain("rescued")["model_version"] == "2"

    def test_secrets_are_asked_for_by_their_names(self, world: World) -> None:
        world.train("hidden", secrets={"API_KEY": "a-long-secret"})
        refused = world.ask("hidden")
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
            400,
            "secrets_missing",
            "secrets",
        )
        assert "API_KEY" in refused.json()["error"]
        world.retrain("hidden", secrets={"API_KEY": "another-secret"})
        assert world.runner.started[-1].secrets["API_KEY"] == "another-secret"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"parameters": {"depth": 3}}, "parameters_unsupported"),
            ({"notebook": "other.ipynb"}, "notebook_unknown"),
            ({"runner": "moon"}, "runner_unknown"),
            ({"target": "databricks"}, "runner_unknown"),
            ({"target": "databricks", "runner": "local"}, "runner_contradicted"),
            ({"timeout_seconds": -1}, "timeout_invalid"),
            ({"environment": {"PATH": "/"}}, "environment_reserved"),
            ({"stage_if": "good"}, "request_invalid"),
            ({"replicas": 2}, "request_invalid"),
        ],
    )
    def test_what_cannot_be_done_is_refused_by_its_field(self, world: World, body: dict[str, Any], code: str) -> None:
        if not world.api.get(f"{REGISTRY}/models/refusing").is_success:
            world.train("refusing")
        refused = world.ask("refusing", **body)
        assert (refused.status_code, refused.json()["code"]) == (400, code)
        assert next(reversed(body)) in refused.json()["error"] or code == "runner_unknown"

    def test_the_same_key_is_the_same_job(self, world: World) -> None:
        world.train("keyed")
        first, again = (world.ask("keyed", key="nightly").json() for _ in range(2))
        assert first["job_id"] == again["job_id"]
        assert world.ask("keyed", key="nightly", arguments=["x"]).json()["code"] == "idempotency_key_reused"


class TestStaging:
    @pytest.mark.parametrize(
        ("auc", "rule", "standing", "stage"),
        [
            (0.9, "better", "better", "staging"),
            (0.8, "better", "equal", "none"),
            (0.8, "not_worse", "equal", "staging"),
            (0.7, "not_worse", "worse", "none"),
            (0.9, "never", "better", "none"),
        ],
    )
    def test_a_new_version_is_compared_with_production_and_staged_by_the_rule(
        self, world: World, auc: float, rule: str, standing: str, stage: str
    ) -> None:
        name = f"rated-{auc}-{rule}"
        world.auc = 0.8
        world.train(name)
        world.put_in_production(name, 1)
        world.auc = auc
        found = world.retrain(name, stage_if=rule)["retraining"]
        world.auc = 0.8

        assert (found["parent_version"], found["production_version"], found["standing"]) == (1, 1, standing)
        assert (found["is_staged"], world.version(name, 2)["stage"]) == (stage == "staging", stage)
        assert found["stage_reason"]
        assert "auc" in found["reasons"][0]
        assert world.version(name, 1)["stage"] == "production"
        (noted,) = world.entries(name, "version.retrained")
        assert (noted["subject"], noted["standing"], noted["parent_version"]) == (
            f"models/{name}/versions/2",
            standing,
            1,
        )

    def test_the_models_policy_counts_too(self, world: World) -> None:
        world.train("strict")
        policy = {"metrics": [{"metric": "auc", "threshold": 0.95}]}
        assert world.api.put(f"{REGISTRY}/models/strict/policy", json=policy).status_code == 200
        found = world.retrain("strict", stage_if="not_worse")["retraining"]
        assert (found["is_staged"], found["standing"]) == (False, None)
        assert "expected at least 0.95" in found["stage_reason"]

    def test_who_may_not_stage_cannot_have_it_staged(self, world: World) -> None:
        world.train("guarded")
        narrow = world.platform.member(
            world.api, "trainer", "developer", scopes=["jobs:write", "jobs:read", "models:read"]
        )
        path = f"{SERVED}/models/guarded/versions/1/inference"
        assert narrow.post(path, json={"stage_if": "always"}).json()["code"] == "permission_missing"
        assert narrow.post(path, json={}).status_code == 202


class Killed(BaseException):
    """The process is gone, in the middle of a step that has done its work and is not written down."""


class TestCrashes:
    @pytest.mark.parametrize("step", ["environment", "train", "collect", "register", "compare", "stage", "note"])
    def test_a_process_that_is_killed_in_a_step_changes_nothing_of_the_end(
        self, world: World, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = f"killed-{step}"
        world.train(name)
        world.put_in_production(name, 1)
        world.auc = 0.9
        accepted = world.ask(name, stage_if="better").json()
        runs, run = len(world.runner.started), JobSteps.run
        killed: list[str] = []

        def run_or_die(steps: JobSteps, which: str, work: Any) -> Any:
            def dying() -> Any:
                result = work()
                if which == step and not killed:
                    killed.append(which)
                    raise Killed
                return result

            return run(steps, which, dying)

        monkeypatch.setattr(JobSteps, "run", run_or_die)
        with pytest.raises(Killed):
            world.ended(accepted["job_id"])
        job = world.ended(accepted["job_id"])
        world.auc = 0.8

        assert (job["status"], job["model_version"], job["retraining"]["is_staged"]) == ("succeeded", "2", True)
        assert len(world.runner.started) == runs + 1
        assert world.api.get(f"{REGISTRY}/models/{name}").json()["latest_version"] == 2
        for action in ("version.retraining_requested", "version.retrained"):
            assert len(world.entries(name, action)) == 1, action
        assert [each["subject"] for each in world.entries(name, "version.staging")][1:] == [f"models/{name}/versions/2"]


def _fails(world: World, spec: RunSpec) -> RunOutcome:
    world._run(spec)
    return RunOutcome(RunPhase.FINISHED, exit_code=1, reason="it fails after it has logged")


def test_a_viewer_cannot_retrain(world: World) -> None:
    viewer: Client = world.platform.member(world.api, "vera", "viewer")
    assert viewer.post(f"{SERVED}/models/again/versions/1/inference", json={}).status_code == 403
