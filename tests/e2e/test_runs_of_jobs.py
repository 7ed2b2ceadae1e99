"""What scripts do with MLflow's runs and its registry, on a real one: a version has one number, a run has one job."""

import os
import signal

import pytest
from tests.e2e.stack import SCRIPTS, Json, Stack, wait_for
from tests.e2e.test_crashes import Gates, frozen
from tests.e2e.test_outages import CONTROL, MLFLOW

REGISTRY = "/api/v1/ml/registry"


def kill_control(stack: Stack) -> None:
    """`kill -9` the control plane, and wait until supervisord has started it again."""
    pid = stack.pid(CONTROL)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: stack.pid(CONTROL) not in {0, pid}, what=lambda: "supervisord to start the control plane again")


def registered_in_mlflow(stack: Stack, name: str) -> list[Json]:
    """The versions of a model in MLflow's registry."""
    found = stack.tracker.get("/api/2.0/mlflow/model-versions/search", params={"filter": f"name='{name}'"})
    versions: list[Json] = found.json().get("model_versions", [])
    return versions


def drift_of(stack: Stack, name: str) -> list[Json]:
    """What differs between our model and MLflow's."""
    drift: list[Json] = stack.get(f"{REGISTRY}/mirror", limit="200")["drift"]
    return [each for each in drift if name in {each["name"], each["mlflow_name"]}]


def import_all(stack: Stack) -> None:
    """Take over what was registered in MLflow."""
    begun = stack.api.post(f"{REGISTRY}/mirror/import")
    assert begun.status_code == 202, begun.text
    stack.succeeded(begun.json()["job_id"])


@pytest.fixture(scope="module")
def failed(stack: Stack) -> Json:
    """A job whose script logged three models and failed then."""
    return stack.ended(stack.train(SCRIPTS / "trials.py", model_name="failed-trials", arguments=["fail"]))


class TestOneArtifactIsOneVersion:
    def test_killed_between_mlflows_registration_and_ours(self, stack: Stack) -> None:
        name = "killed-in-between"
        gates = Gates(stack, "registers_itself.py")
        job_id = gates.train(model_name=name)
        gates.await_reached("registered")
        assert [each["version"] for each in registered_in_mlflow(stack, name)] == ["1"]

        kill_control(stack)  # The script runs on.
        stack.await_ready()
        import_all(stack)
        with frozen(stack, MLFLOW):
            gates.open("registered")
            wait_for(lambda: not stack.processes_in(stack.home / "jobs" / job_id), what=lambda: "the end of the script")
            kill_control(stack)  # The script has ended, and its model is no version.
        stack.await_ready()

        job = stack.succeeded(job_id)
        import_all(stack)
        wait_for(lambda: not drift_of(stack, name), what=lambda: f"an equal mirror: {drift_of(stack, name)}")
        (version,) = stack.get(f"{REGISTRY}/models/{name}/versions")["versions"]
        (theirs,) = registered_in_mlflow(stack, name)
        assert (job["model_version"], str(version["version"]), theirs["version"]) == ("1", "1", "1")
        assert (version["job_id"], version["run_id"], theirs["run_id"]) == (job_id, job["run_id"], job["run_id"])
        assert {"key": "modelyard.version", "value": "1"} in theirs["tags"]


class TestRunsOfJobs:
    def test_the_best_of_child_runs_is_chosen_and_the_others_are_named(self, stack: Stack) -> None:
        job = stack.succeeded(stack.train(SCRIPTS / "trials.py", model_name="trials", best_of="accuracy"))
        (version,) = stack.get(f"{REGISTRY}/models/trials/versions")["versions"]
        assert version["metrics"] == {"accuracy": 0.9}
        assert job["run_id"] == version["run_id"]
        assert "second" in job["selection"]["chosen"]["name"]
        assert sorted(other["name"] for other in job["selection"]["others"]) == ["first", "third"]
        log = stack.job_log(job["job_id"])
        assert "accuracy" in log

    def test_what_a_failed_job_logged_is_registered_without_training_again(self, stack: Stack, failed: Json) -> None:
        assert (failed["status"], failed["error"]["code"]) == ("failed", "script_failed")
        assert "can be registered without training again" in failed["error"]["message"]
        assert sorted(each["name"] for each in failed["logged_models"]) == ["first", "second", "third"]
        body = {"name": "failed-trials", "job_id": failed["job_id"], "best_of": "accuracy"}
        answers = [stack.api.post("/mlops/registry", json=body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
        (version,) = stack.get(f"{REGISTRY}/models/failed-trials/versions")["versions"]
        assert (version["version"], version["metrics"]) == (1, {"accuracy": 0.9})
        assert version["provenance"]["job_id"] == failed["job_id"]

    @pytest.mark.parametrize("how", ["argument", "variable"])
    def test_a_run_of_another_job_is_not_gone_on_with(self, stack: Stack, failed: Json, how: str) -> None:
        run_id = failed["logged_models"][0]["run_id"]
        name = f"resumed-by-{how}"
        job = stack.ended(stack.train(SCRIPTS / "resumes.py", model_name=name, arguments=[how, run_id]))
        assert job["status"] == "failed"
        assert run_id in job["error"]["message"] + stack.job_log(job["job_id"])
        assert stack.api.get(f"{REGISTRY}/models/{name}").status_code == 404
