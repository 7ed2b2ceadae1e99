"""The document of Models and ModelVersions: CRUD, DeleteMode, and what may be done with a ModelVersion."""

import httpx
import pytest
from tests.e2e.seeds.documents import REQUIREMENTS, SCRIPT
from tests.e2e.stack import Json, Stack, wait_for

MODELS = "/api/v1/modelserving/models"


class TestModel:
    """It only contains CRUD endpoints, says the document."""

    def test_it_is_made_read_changed_and_deleted(self, anyone: httpx.Client, platform: Stack) -> None:
        made = anyone.post(MODELS, json={"name": "Sidra Model", "description": "An abstract concept."})
        assert made.status_code == 201, made.text
        assert "Sidra Model" in [model["name"] for model in anyone.get(MODELS).json()["models"]]
        address = f"{MODELS}/Sidra%20Model"
        assert anyone.get(address).json()["latest_version"] is None  # It has zero or many ModelVersions.
        assert anyone.patch(address, json={"description": "Changed."}).json()["description"] == "Changed."
        deleted = anyone.delete(address)
        assert deleted.status_code == 202, deleted.text
        assert _ended(anyone, deleted.json()["job_id"])["status"] == "succeeded"
        assert anyone.get(address).status_code == 404
        assert platform.is_ready()


class TestDeleteMode:
    @pytest.mark.parametrize(
        ("name", "value"), [("Nothing", 0), ("DeleteRunIfNoMore", 1), ("DeleteRunAndExperimentIfNoMore", 2)]
    )
    def test_it_is_given_by_name_or_by_value(self, anyone: httpx.Client, my_model: Json, name: str, value: int) -> None:
        plans = [
            anyone.delete(f"{MODELS}/{my_model['model_name']}{place}", params={"DeleteMode": mode, "dry_run": "true"})
            for mode in (name, str(value))
            for place in ("", "/versions/1")
        ]
        assert {plan.status_code for plan in plans} == {200}
        assert {plan.json()["delete_mode"] for plan in plans} == {value}
        removed = {piece["kind"] for piece in plans[0].json()["removes"]}
        assert ("run" in removed) == (value > 0)

    def test_the_run_goes_with_the_last_version_that_it_made(self, anyone: httpx.Client, my_model: Json) -> None:
        registered = anyone.post(f"{MODELS}", json={"name": "run_of_two"})
        assert registered.status_code == 201
        made = anyone.post(f"{MODELS}/run_of_two/versions", json={"artifact_id": my_model["run_id"]})
        assert made.status_code == 201, made.text
        plan = anyone.delete(
            f"{MODELS}/run_of_two/versions/1", params={"DeleteMode": "DeleteRunIfNoMore", "dry_run": "true"}
        ).json()
        assert "run" not in {piece["kind"] for piece in plan["removes"]}
        assert my_model["run_id"] in {kept["name"] for kept in plan["keeps"]}


class TestModelVersion:
    def test_it_holds_experiment_endpoint_and_image_name(self, anyone: httpx.Client, my_model: Json) -> None:
        version = anyone.get(f"{MODELS}/my_model/versions/1").json()
        assert (version["experiment_name"], version["run_id"]) == ("production", my_model["run_id"])
        assert version["deployment_endpoint"] == my_model["deployment_url"]
        assert "image_name" in version

    def test_its_job_tells_its_status(self, anyone: httpx.Client, my_model: Json) -> None:
        assert anyone.get(f"/mlops/jobs/{my_model['job_id']}").json()["status"] == "succeeded"

    @pytest.mark.parametrize("place", ["/my_model/image", "/my_model/versions/1/image"])
    def test_an_image_is_created(self, anyone: httpx.Client, my_model: Json, place: str) -> None:
        body = {"artifact_id": my_model["run_id"]} if "versions" not in place else {}
        accepted = anyone.post(f"{MODELS}{place}", json=body)
        assert (accepted.status_code, accepted.json()["model_version"]) == (202, 1)
        job = _ended(anyone, accepted.json()["job_id"])
        assert (job["status"], job["error"]) == ("succeeded", None)
        version = anyone.get(f"{MODELS}/my_model/versions/1").json()
        assert version["image_name"].startswith("localhost/modelyard:my-model-v1@sha256:")

    @pytest.mark.parametrize("target", ["ACI", "AKS"])
    @pytest.mark.usefixtures("my_model")
    def test_a_deployment_configuration_that_nobody_has_set_up_is_refused_by_its_name(
        self, anyone: httpx.Client, target: str
    ) -> None:
        """This stack has no account at Azure. `modelserving/test_serving.py` deploys and undeploys by
        these routes, and `adapters/target/` tests both targets beside stand-ins of Azure."""
        answer = anyone.post(f"{MODELS}/my_model/versions/1/deploy", json={"target": target})
        assert (answer.status_code, answer.json()["code"]) == (400, "target_unknown")
        assert "local" in answer.json()["error"]

    @pytest.mark.usefixtures("my_model")  # Its environment is there, so that this one is trained in seconds.
    def test_an_inference_trains_a_new_model_in_a_new_run(self, anyone: httpx.Client) -> None:
        """By what trained the version: here a script."""
        body = {"script_name": "train.py", "script_content": SCRIPT.read_text(), "requirements": REQUIREMENTS}
        trained = anyone.post("/mlops/training/upload", json={**body, "model_name": "trained_again"})
        assert _ended(anyone, trained.json()["job_id"])["error"] is None
        accepted = anyone.post(f"{MODELS}/trained_again/versions/1/inference")
        assert accepted.status_code == 202, accepted.text
        _ended(anyone, accepted.json()["job_id"])
        job = anyone.get(f"/api/v1/modelserving/jobs/{accepted.json()['job_id']}").json()
        first, second = (anyone.get(f"{MODELS}/trained_again/versions/{n}").json() for n in (1, 2))
        assert (job["status"], job["model_version"], job["run_id"]) == ("succeeded", "2", second["run_id"])
        assert (second["parent_version"], second["experiment_name"]) == (1, first["experiment_name"])
        assert first["run_id"] != second["run_id"]


def _ended(anyone: httpx.Client, job_id: str) -> Json:
    def end() -> Json | None:
        job = dict(anyone.get(f"/mlops/jobs/{job_id}").json())
        return job if job["status"] in {"succeeded", "failed"} else None

    return wait_for(end, what=lambda: f"the end of {job_id}")
