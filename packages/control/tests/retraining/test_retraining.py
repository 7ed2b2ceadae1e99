"""Retraining over HTTP, on fakes: the recipe, what may be changed of it, and what becomes of the new version."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from access_platform import Platform
from httpx import Client
from retraining_world import REGISTRY, SERVED, World

from modelyard.adapters.environments.fake import FakeEnvironments
from modelyard.jobs.workflow import JobSteps
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec


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

    def test_a_notebook_runs_again_with_other_parameters(self, world: World) -> None:
        cells: list[dict[str, Any]] = [
            {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "depth = 3\nregion = 'eu'"},
            {"cell_type": "code", "metadata": {}, "source": "log(depth)"},
        ]
        cells = [{**cell, "id": f"cell-{n}", "execution_count": None, "outputs": []} for n, cell in enumerate(cells)]
        notebook = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        sent = {"script_name": "train.ipynb", "script_content": notebook, "parameters": {"depth": 5, "region": "us"}}
        assert world.train("noted", **sent)["error"] is None
        job = world.retrain("noted", parameters={"depth": 7})
        assert (job["error"], job["model_version"]) == (None, "2")
        assert job["source"]["parameters"] == {"depth": 7, "region": "us"}
        assert "depth = 7" in (world.runner.started[-1].script_content or "")
        assert world.ask("noted", arguments=["--deep"]).json()["code"] == "arguments_invalid"

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
            ({"parameters": {"depth": 3}}, "parameters_invalid"),
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


class TestData:
    OLD, NEW = ({"uri": f"s3://sales/{month}", "sha256": digit * 64} for month, digit in (("11", "a"), ("12", "b")))

    def test_a_version_says_which_data_its_run_was_given_and_a_retraining_asks_for_newer(self, world: World) -> None:
        world.train("fresh", data={"rows": self.OLD, "labels": {"uri": "https://labels.example/all"}})
        first = world.runner.started[-1]
        world.retrain("fresh")
        same = world.runner.started[-1]
        world.retrain("fresh", data={"rows": self.NEW})
        newer = world.runner.started[-1]

        assert first.environment["MODELYARD_DATA_ROWS"] == same.environment["MODELYARD_DATA_ROWS"] == "s3://sales/11"
        assert newer.environment["MODELYARD_DATA_ROWS"] == "s3://sales/12"
        assert newer.environment["MODELYARD_DATA_LABELS"] == "https://labels.example/all"
        assert "s3://sales/12@" in newer.environment["MLFLOW_RUN_CONTEXT"]
        shown = [
            {one["name"]: (one["source"], one["digest"]) for one in world.version("fresh", n)["datasets"]}
            for n in (1, 2, 3)
        ]
        assert (
            shown[0]
            == shown[1]
            == {
                "rows": ("s3://sales/11", "a" * 64),
                "labels": ("https://labels.example/all", ""),
            }
        )
        assert shown[2]["rows"] == ("s3://sales/12", "b" * 64)
        compared = world.api.get(f"{REGISTRY}/models/fresh/compare", params={"versions": "1,2,3"}).json()
        assert {row["purpose"]: row["verdict"] for row in compared["data"]} == {
            "labels": "unknown",
            "rows": "different",
        }
        assert any(reason.startswith("different data (rows)") for reason in compared["reasons"])

    def test_versions_that_were_evaluated_on_other_references_are_not_compared(self, world: World) -> None:
        world.train("apart", data={"test": self.OLD})
        world.put_in_production("apart", 1)
        found = world.retrain("apart", data={"test": self.NEW}, stage_if="not_worse")["retraining"]
        assert (found["standing"], found["is_staged"]) == ("not_comparable", False)
        assert "evaluated on different data" in found["recommendation"]

    def test_what_is_no_reference_is_refused(self, world: World) -> None:
        world.train("strange")
        refused = world.ask("strange", data={"rows": {"uri": "/etc/passwd"}})
        assert (refused.status_code, refused.json()["code"]) == (400, "data_invalid")


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
